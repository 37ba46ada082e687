"""Documents in, a folder of YAML as a person would have written it out: what fits on a line stands on one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from reconciler.core.model import Json
from reconciler.core.plan import plain

WIDTH = 110


def render(documents: Iterable[Mapping[str, Json]]) -> str:
    """One YAML stream. Mappings that fit on a line stand on one."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = WIDTH * 4  # never folded: a name must be found by searching for it
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    for number, document in enumerate(documents):
        if number:
            out.write("---\n")
        yaml.dump(_styled(plain(document)), out)
    return out.getvalue()


def _styled(value: Any, indent: int = 0) -> Any:
    """The same value with flow style where it fits on what is left of a line."""
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
    if isinstance(value, str) and value.startswith(":"):
        # `:.context:subject` bare inside braces is read as an empty key by libyaml, and ruamel writes it so.
        return DoubleQuotedScalarString(value)
    return value


def _length(value: Any) -> int:
    """About how long a value is in flow style."""
    if isinstance(value, dict):
        return sum(len(str(name)) + 4 + _length(inner) for name, inner in value.items()) + 2
    if isinstance(value, list):
        return sum(_length(inner) + 2 for inner in value) + 2
    return len(str(value)) + 2


def save(folder: Path, files: Mapping[str, Sequence[Mapping[str, Json]]]) -> None:
    """Every file of a new spec, by its path below the folder."""
    for name, documents in sorted(files.items()):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(render(documents), encoding="utf-8")
