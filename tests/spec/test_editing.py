"""A value changed in a person's YAML: that one value and not a character more, or a reason why not."""

from __future__ import annotations

import difflib
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.core.model import Path
from reconciler.spec.editing import REMOVED, CannotEdit, edit
from reconciler.spec.nodes import pieces
from reconciler.spec.yaml import read

CONFIG = ("spec", "config", "retention.ms")


def one(text: str, value: Any, path: Path = CONFIG) -> str:
    return edit(text, path, value)


STORIES = {
    "a value in block style": (
        "spec:  # about\n  config:\n    retention.ms: 7d  # a week\n    x: 1\n",
        "1d",
        "spec:  # about\n  config:\n    retention.ms: 1d  # a week\n    x: 1\n",
    ),
    "a value in flow style": (
        "spec: {partitions: 6, config: {retention.ms: 7d, x: 1}}  # tail\n",
        "1d",
        "spec: {partitions: 6, config: {retention.ms: 1d, x: 1}}  # tail\n",
    ),
    "quotes stay": (
        "spec: {config: {retention.ms: '7d', \"x\": 1}}\n",
        "1d",
        "spec: {config: {retention.ms: '1d', \"x\": 1}}\n",
    ),
    "what would be another type is quoted": (
        "spec: {config: {retention.ms: 7d}}\n",
        "86400000",
        'spec: {config: {retention.ms: "86400000"}}\n',
    ),
    "a number stays one": (
        "spec: {config: {retention.ms: 604800000}}\n",
        86400000,
        "spec: {config: {retention.ms: 86400000}}\n",
    ),
    "a list in brackets": (
        "spec: {config: {retention.ms: [compact, delete]}}\n",
        ["delete"],
        "spec: {config: {retention.ms: [delete]}}\n",
    ),
    "an alias gives way here only": (
        "spec: {a: &week 7d, config: {retention.ms: *week}}\n",
        "1d",
        "spec: {a: &week 7d, config: {retention.ms: 1d}}\n",
    ),
    "an anchor that nobody uses": (
        "spec: {config: {retention.ms: &mine 7d}}\n",
        "1d",
        "spec: {config: {retention.ms: 1d}}\n",
    ),
    "a further entry goes behind the last one, under the others": (
        "spec:\n  config:\n      x: 1  # one\n      y: 2  # two\n\n  # the end\nkind: T\n",
        "1d",
        "spec:\n  config:\n      x: 1  # one\n      y: 2  # two\n      retention.ms: 1d\n\n"
        "  # the end\nkind: T\n",
    ),
    "a further entry in brackets": (
        "spec: {config: {x: 1}}\n",
        "1d",
        "spec: {config: {x: 1, retention.ms: 1d}}\n",
    ),
    "a mapping that is not there yet": (
        "spec:\n  profile: events\n",
        "1d",
        "spec:\n  profile: events\n  config: {retention.ms: 1d}\n",
    ),
    "an empty one in brackets": ("spec: {}\n", "1d", "spec: {config: {retention.ms: 1d}}\n"),
    "an empty value": ("spec:\n  config:\n", "1d", "spec:\n  config: {retention.ms: 1d}\n"),
    "null said in a word": (
        "spec:\n  config: null # so far\n",
        "1d",
        "spec:\n  config: {retention.ms: 1d} # so far\n",
    ),
    "no line end at the end": (
        "spec: {config: {retention.ms: 7d}}",
        "1d",
        "spec: {config: {retention.ms: 1d}}",
    ),
    "Windows' line ends": (
        "spec:\r\n  config:\r\n    retention.ms: 7d\r\n",
        "1d",
        "spec:\r\n  config:\r\n    retention.ms: 1d\r\n",
    ),
    "letters of every width before it": (
        "# ü\U0001f980é\nspec: {a: ü\U0001f980, config: {retention.ms: 7d}}\n",
        "1d",
        "# ü\U0001f980é\nspec: {a: ü\U0001f980, config: {retention.ms: 1d}}\n",
    ),
    "taken out of a block": (
        "spec:\n  config:\n    retention.ms: 7d  # a week\n    x: 1\n",
        REMOVED,
        "spec:\n  config:\n    x: 1\n",
    ),
    "taken out of brackets, first": (
        "spec: {config: {retention.ms: 7d, x: 1}}\n",
        REMOVED,
        "spec: {config: {x: 1}}\n",
    ),
    "taken out of brackets, last": (
        "spec: {config: {x: 1, retention.ms: 7d}}\n",
        REMOVED,
        "spec: {config: {x: 1}}\n",
    ),
    "the only one goes with what held it": (
        "spec:\n  partitions: 1\n  config:\n    retention.ms: 7d\n",
        REMOVED,
        "spec:\n  partitions: 1\n",
    ),
    "the only one of all": ("spec:\n  config:\n    retention.ms: 7d\n", REMOVED, "spec:\n  {}\n"),
}


@pytest.mark.parametrize("story", STORIES)
def test_just_that_value(story: str) -> None:
    before, value, after = STORIES[story]
    assert one(before, value) == after


REFUSED = {
    "a value shared by its anchor": (
        "spec: {config: {retention.ms: &week 7d}, other: *week}\n",
        "1d",
        "shared with other places by its anchor `&week`",
    ),
    "a mapping shared by its anchor": (
        "spec: {config: &c {retention.ms: 7d}, other: *c}\n",
        "1d",
        "shared with other places by its anchor `&c`",
    ),
    "a mapping that is an alias": (
        "a: &c {retention.ms: 7d}\nspec: {config: *c}\n",
        "1d",
        "shared with other places by the alias `*c`",
    ),
    "a variable": ("spec: {config: {retention.ms: '${week}'}}\n", "1d", "a values file"),
    "a text of several lines": (
        "spec:\n  config:\n    retention.ms: |\n      7d\n",
        "1d",
        "several lines",
    ),
    "a list on lines of its own": (
        "spec:\n  config:\n    retention.ms:\n      - a\n      - b\n",
        "1d",
        "several lines",
    ),
    "a whole mapping": ("spec: {config: {retention.ms: 7d}}\n", {"a": 1}, "a whole mapping"),
    "behind a text of several lines": (
        "spec:\n  config:\n    x: |\n      7d\n",
        "1d",
        "would have to follow `x`",
    ),
    "nothing there to take away": ("spec: {config: {x: 1}}\n", REMOVED, "no `retention.ms`"),
    "a list where a mapping would be": ("spec: {config: [1]}\n", "1d", "no mapping"),
}


@pytest.mark.parametrize("story", REFUSED)
def test_or_a_reason_why_not(story: str) -> None:
    before, value, why = REFUSED[story]
    with pytest.raises(CannotEdit) as caught:
        one(before, value)
    assert why in str(caught.value)


def test_a_file_comes_apart_into_its_documents_and_together_again() -> None:
    text = "# ü\nspec: {a: 1}\n---\n# two\nspec: {a: 2}\n--- # three\nspec: {a: 3}\n...\n"
    found = pieces(text)
    assert "".join(found) == text
    assert [piece.count("spec") for piece in found] == [1, 1, 1]
    assert edit(found[1], ("spec", "a"), 9) == "---\n# two\nspec: {a: 9}\n"
    with pytest.raises(CannotEdit, match="not one document"):
        edit(text, ("spec", "a"), 9)


# --- whatever a person writes

KEYS = ["retention.ms", "x", "cleanup.policy", "min-in", "ключ"]
scalars = st.one_of(
    st.integers(-5, 10**12),
    st.booleans(),
    st.sampled_from(
        ["7d", "2MiB", "on", "012", "a: b", "# no", "ü\U0001f980", "'", '"', "-1", "", " x", "1e3"]
    ),
)


def written(value: Any, draw: Any) -> str:
    if isinstance(value, str):
        return draw(
            st.sampled_from(
                [json.dumps(value, ensure_ascii=False), "'" + value.replace("'", "''") + "'"]
            )
        )
    return json.dumps(value)


@st.composite
def files(draw: Any) -> tuple[str, dict[str, Any]]:
    """The text of a document in one style or another, full of comments, and the config in it."""
    config = draw(st.dictionaries(st.sampled_from(KEYS), scalars, max_size=4))
    pairs = [
        f"{json.dumps(k, ensure_ascii=False) if k == 'ключ' else k}: {written(v, draw)}"
        for k, v in config.items()
    ]
    comment = draw(st.sampled_from(["", "  # why", "  # ü: {x}"]))
    head = draw(st.sampled_from(["", "# a file\n", "a: &b {c: [1, 2]}\nd: *b\n"]))
    if not pairs:
        body = draw(st.sampled_from(["  config: {}", "  config:", "  partitions: 1"]))
    elif draw(st.booleans()):
        body = f"  config: {{{', '.join(pairs)}}}"
    else:
        body = "  config:\n" + "\n".join(f"    {pair}{comment}" for pair in pairs)
    tail = draw(st.sampled_from(["", "\n", "\n# end\n", "\n\nkind: T  # last\n"]))
    return f"{head}spec:{comment}\n{body}{comment}{tail}", config


@given(files(), st.sampled_from(KEYS), scalars)
def test_every_other_value_and_every_comment_stays(
    file: tuple[str, dict[str, Any]], key: str, value: Any
) -> None:
    text, config = file
    after = one(text, value, ("spec", "config", key))
    [tree] = read(after.encode()).trees
    assert tree.value["spec"]["config"] == {**config, key: value}  # type: ignore[call-overload,index]
    assert after.count("# why") == text.count("# why")
    assert len(changed_lines(text, after)) <= 2


@given(files(), st.data())
def test_taking_away_takes_nothing_else(file: tuple[str, dict[str, Any]], data: Any) -> None:
    text, config = file
    assume(len(config) > 1)
    key = data.draw(st.sampled_from(sorted(config)))
    after = one(text, REMOVED, ("spec", "config", key))
    [tree] = read(after.encode()).trees
    left = {name: value for name, value in config.items() if name != key}
    assert tree.value["spec"]["config"] == left  # type: ignore[call-overload,index]
    assert len(changed_lines(text, after)) <= 2


def changed_lines(before: str, after: str) -> list[str]:
    found = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in found if line.startswith(("+ ", "- "))]
