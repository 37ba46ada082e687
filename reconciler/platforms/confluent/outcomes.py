"""Requests in, the outcome of the change they are for out: the server's words, and what only reading back can tell."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.clients.confluent_rest import exists
from reconciler.clients.http import Answer
from reconciler.clients.lean import LostAnswer
from reconciler.core.model import Key, Outcome, Risk, Status
from reconciler.errors import BadUsage, Failed


def outcome(key: Key, answers: Iterable[Answer], *, gone: bool = False) -> Outcome:
    """What became of a change, whose requests are sent as `answers` is walked; the first that is refused is the last.

    `gone`: that nothing is there any more is what was wanted. What is there already is for reading back to judge.
    """
    try:
        for answer in answers:
            if answer.ok or (gone and answer.status == 404):
                continue
            status = Status.UNKNOWN if exists(answer) else Status.FAILED
            return Outcome(key, status, answer.words)
    except LostAnswer as lost:
        return Outcome(key, Status.UNKNOWN, lost.message)
    except (Failed, BadUsage) as error:
        return Outcome(key, Status.FAILED, error.message)
    return Outcome(key, Status.DONE)


def opinion(answer: Answer) -> Risk | None:
    """What a server said when it was asked whether it would do something, as a risk of doing it."""
    if answer.ok or exists(answer):
        return None
    if answer.status == 403:
        return Risk("KS101", f"not vetted: {answer.words}")
    return Risk("KS903", f"Confluent Cloud refuses: {answer.words}")
