"""A word that is wrong and the words that would be right in; `did you mean` out, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

MOST_WORDS = (
    500  # every comparison costs microseconds, and a thousand documents may hold the same slip
)


def nearest(word: str, right: Iterable[str]) -> str | None:
    """The one of `right` that looks most like `word`, letter case aside; None if nothing comes near."""
    known = tuple(sorted(right))
    return _nearest(word[:250].casefold(), known) if len(known) <= MOST_WORDS else None


def did_you_mean(word: str, right: Iterable[str]) -> str:
    """`; did you mean ...?` to hang on to a sentence, or an empty string."""
    near = nearest(word, right)
    return f"; did you mean `{near}`?" if near else ""


@lru_cache(maxsize=1024)
def _nearest(word: str, right: tuple[str, ...]) -> str | None:
    from difflib import get_close_matches

    by_fold = {known.casefold(): known for known in right}
    found = get_close_matches(word, by_fold, n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None
