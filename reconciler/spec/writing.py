"""Documents in, a folder of YAML as a person would have written it out: what fits on a line stands on one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.core.model import Json
from reconciler.core.plan import plain

if TYPE_CHECKING:
    from ruamel.yaml import YAML

WIDTH = 110
BETWEEN = "---\n"


def render(documents: Iterable[Mapping[str, Json]]) -> str:
    """One YAML stream. Mappings that fit on a line stand on one."""
    return BETWEEN.join(_texts(documents))


def placed(documents: Sequence[Mapping[str, Json]]) -> tuple[str, list[int]]:
    """The same, and the line on which each document begins, counted from 1."""
    texts = list(_texts(documents))
    lines, at = [], 1
    for text in texts:
        lines.append(at)
        at += text.count("\n") + 1
    return BETWEEN.join(texts), lines


def _texts(documents: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    return (_text(json.dumps(plain(document))) for document in documents)


@lru_cache(maxsize=1 << 17)
def _text(document: str) -> str:
    """One document, given as JSON: an import writes most of them more than once."""
    out = StringIO()
    _dumper().dump(_styled(json.loads(document)), out)
    return out.getvalue()


@cache
def _dumper() -> YAML:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = WIDTH * 4  # never folded: a name must be found by searching for it
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    return yaml


def _styled(value: Any, indent: int = 0) -> Any:
    """The same value with flow style where it fits on what is left of a line, and texts of several lines as such."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        made = CommentedMap(
            {name: _styled(inner, indent + len(name) + 2) for name, inner in value.items()}
        )
        if indent and _length(value) + indent <= WIDTH:
            made.fa.set_flow_style()
        return made
    if isinstance(value, list):
        sequence = CommentedSeq([_styled(inner, indent + 4) for inner in value])
        if _length(value) + indent <= WIDTH:
            sequence.fa.set_flow_style()
        return sequence
    # What has a colon or a star in it reads better in the quotes that people use; and `:.context:subject` bare inside
    # braces is read as an empty key by libyaml, and ruamel writes it so.
    quoted = isinstance(value, str) and (value == "*" or value.startswith(("env:", "file:", ":")))
    return DoubleQuotedScalarString(value) if quoted else value


def _length(value: Any) -> int:
    """About how long a value is in flow style."""
    if isinstance(value, dict):
        return sum(len(str(name)) + 4 + _length(inner) for name, inner in value.items())
    if isinstance(value, list):
        return sum(_length(inner) + 2 for inner in value)
    return len(str(value))


def save(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """New files, by their path below the folder: all of them or, when one cannot be written, none.

    A file that is there already is never touched. Raises OSError.
    """
    made: list[Path] = []
    try:
        for name, text in sorted(texts.items()):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as stream:
                made.append(file)
                stream.write(text)
    except OSError:
        remove(folder, made)
        raise
    return made


def remove(folder: Path, made: Iterable[Path]) -> None:
    """Take files away again, and the folders below `folder` that are empty then."""
    for file in made:
        file.unlink(missing_ok=True)
        for above in file.parents:
            if above == folder or not above.is_relative_to(folder) or any(above.iterdir()):
                break
            above.rmdir()
