"""A complaint of libyaml in, its place and one sentence that a person can act on out."""

from __future__ import annotations

import yaml

DEEPEST = 50
# libyaml's own words (0.2.6) -> ours. What is not here is passed on as it is.
_WORDS = {
    "mapping values are not allowed in this context": "a `:` stands where no key can be;"
    " put the value in quotes, or look at the indentation",
    "did not find expected key": "a key was expected here; look at the indentation and at the line above",
    "could not find expected ':'": "a key without its `:`; look at this line and the one above",
    "did not find expected ',' or '}'": "a `{` is not closed: `,` or `}` was expected",
    "did not find expected ',' or ']'": "a `[` is not closed: `,` or `]` was expected",
    "found unexpected end of stream": "a quote is opened and never closed",
    "found unexpected document indicator": "a quote is still open where the document ends",
    "did not find expected '-' indicator": "a `-` was expected here; look at the indentation",
    "did not find expected node content": "a value was expected here",
    "did not find expected <document start>": "`---` was expected before another document",
    "block sequence entries are not allowed in this context": "a list cannot begin here;"
    " put it on a line of its own",
    "block mapping entries are not allowed in this context": "a mapping cannot begin here;"
    " put it on a line of its own",
    "mapping keys are not allowed in this context": "a key cannot stand here; look at the indentation",
    "found character that cannot start any token": "a value cannot start with this character;"
    " put it in quotes (or it is a tab: indent with blanks)",
    "found a tab character that violates indentation": "a tab indents this line; use blanks",
    "found a tab character where an indentation space is expected": "a tab indents this line; use blanks",
    "found unknown escape character": "this `\\` escape does not exist; use single quotes, or `\\\\`",
    "found undefined tag handle": "a tag is not allowed: a spec is plain data",
    "exceeded maximum nesting depth": f"nested more than {DEEPEST} deep",
    "found incompatible YAML document": "the `%YAML` directive names a version that nothing here reads",
}


def in_our_words(error: yaml.MarkedYAMLError) -> tuple[int, int, str]:
    """(line, column, message); both count from 1."""
    problem = error.problem or error.context or "it cannot be parsed"
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    opened = error.context_mark
    since = f" (opened on line {opened.line + 1})" if opened and opened.line + 1 < line else ""
    return line, column, f"this is not YAML: {_WORDS.get(problem, problem)}{since}"
