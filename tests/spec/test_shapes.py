"""Documents that are alike are read by their shape, and nobody can tell by what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.spec import shapes, yaml
from reconciler.spec.folder import load

from .writing import CLUSTER, write

# Words and what stands around them, among it everything that YAML gives a meaning to.
WORDS = [
    "a",
    "orders.v1",
    "12",
    "0x1F",
    "007",
    "1e3",
    "3.0",
    "null",
    "no",
    "true",
    "n",
    "-1",
    "x-y",
    "kstate/v1",
]
AROUND = [
    *(
        " ",
        "  ",
        ": ",
        ":",
        ", ",
        ",",
        "- ",
        "-",
        "# ",
        "#",
        "'",
        '"',
        "[",
        "]",
        "{",
        "}",
        "\n",
        "\n  ",
        "\n- ",
    ),
    *(
        "|",
        ">",
        "|-",
        "&",
        "*",
        "!",
        "%",
        "?",
        "? ",
        "\\",
        '\\"',
        "~",
        ".",
        "...",
        "<<: ",
        "@",
        "`",
        "=",
        "ä",
        "\t",
    ),
    *(
        "metadata: {name: ",
        "spec: {",
        "kind: ",
        "\nmetadata:\n  name: ",
        "\n---\n",
        "--- ",
        "\r\n",
        "\u2028",
        "qZ0Zq",
    ),
]
FRAMES = [
    "metadata: {name: x}\nspec: ",
    "metadata:\n  name: x\nspec:\n  k: ",
    "metadata: {name: ",
    "",
]
# A document is a list of texts; None stands for a word, another one in every document.
frames = st.lists(st.one_of(st.none(), st.none(), st.sampled_from(AROUND)), max_size=14)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Some documents that are alike but for their words."""
    around, frame = draw(frames), draw(st.sampled_from(FRAMES))
    words = st.sampled_from(WORDS)
    documents = [
        frame + "".join(draw(words) if text is None else text for text in around)
        for _ in range(draw(st.integers(2, 4)))
    ]
    return "".join(f"---\n{document}\n" for document in documents).encode()


def alike(text: str, *words: str) -> bytes:
    """Documents that have `text` in common, with each of the words in the place of its `_`."""
    frame = "metadata: {name: x}\nspec: "
    return "".join(f"---\n{frame}{text.replace('_', word)}\n" for word in words).encode()


@given(files())
@example(alike("{x: 12, y: '_', z: [_], t: _}", "no", "12", "0x1F", "null"))
@example(alike("[1_, -_, ._, +_]", "7", "no", "12"))
@example(alike('"\\x1b: _"', "n", "no", "m"))
@example(alike('"\\ _"', "n", "no", "m"))
@example(alike("[&_ a, b]", "no", "n", "orders.v1"))
@example(alike("[&_ {}, b]", "no", "n", "orders.v1"))
@example(alike("[&no a, &n b, *_]", "no", "no", "n"))
@example(alike("{no: a, _ : b}", "n", "m", "o"))
@example(alike("|\n  a: _\n  - 12", "n", "no", "a"))
@example(alike("[qZ0Zq, _]", "n", "no", "a"))
@example(alike('"-_"', "no", "a", "12"))
@example(alike("[/qZ0Zq, _]", "n", "no", "a"))
@example(alike("{qZ0Zq: _}", "n", "no", "a"))
@example(alike("{a: .0, b: _}", "n", "no", "a"))
@example(alike("{a: .5, b: _}", "n", "1.5", "2.0"))
@example(alike("!!str _", "n", "no", "1.5"))
def test_what_comes_out_is_what_the_reader_makes_of_it(data: bytes) -> None:
    shapes._shapes.clear()
    for alone in data.split(b"---\n"):
        assert shapes.read(alone) == yaml.read(alone)
    assert shapes.read(data) == yaml.read(data)


def test_alike_means_one_pass_of_libyaml_for_the_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr(shapes, "_shapes", {})
    plain = shapes._parsed
    monkeypatch.setattr(shapes, "_parsed", lambda *given: read.append(given) or plain(*given))
    data = "---\n".join(_topics("alike-for-good", 100)).encode()
    content = shapes.read(data)
    assert content == yaml.read(data)
    assert len(read) == 2  # the first document by itself, and the shape


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    files = {
        "cluster.yaml": CLUSTER,
        "topics.yaml": "# all of them\n---\n" + "---\n".join(_topics("lines", 5)),
    }
    spec = load(write(tmp_path, files))
    text = (tmp_path / "topics.yaml").read_text().splitlines()
    for document in spec.documents:
        assert f"name: {document.name}" in text[document.line - 1]
        assert document.locate(("spec", "partitions"))[0] == document.line + 1


def test_words_without_end_are_the_readers_own() -> None:
    data = "---\n".join(_topics("x" * 300, 4)).encode()
    assert shapes.read(data) == yaml.read(data)


def _topics(name: str, count: int) -> Iterator[str]:
    for number in range(count):
        yield (
            f"apiVersion: kstate/v1\nkind: Topic\nmetadata: {{name: {name}.{number}}}\n"
            f"spec: {{partitions: {number + 1}, config: {{retention.ms: 7d}}}}\n"
        )
