"""What can be asked for, and what is refused before anything starts."""

from __future__ import annotations

import pytest

from reconciler.cli import sandbox
from reconciler.errors import BadUsage
from reconciler.sandbox.shape import KAFKA, Options, check


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(name="../elsewhere"), "--name"),
        (Options(name=""), "--name"),
        (Options(brokers=0), "--brokers"),
        (Options(clusters=10), "--clusters"),
        (Options(extras=frozenset({"zookeeper"})), "zookeeper"),
        (Options(kafka="latest"), "latest"),
        (Options(kafka="3.8.1"), "3.9.0 and newer"),
    ],
)
def test_what_cannot_be_started_is_bad_usage(options: Options, words: str) -> None:
    with pytest.raises(BadUsage, match=words):
        check(options)


@pytest.mark.parametrize("version", ["3.9.0", "3.9.1", "3.10.0", "4.3.1"])
def test_versions_from_3_9_on_are_fine(version: str) -> None:
    check(Options(kafka=version))


def test_a_password_is_never_printed() -> None:
    assert "hunter2" not in repr(Options(password="hunter2"))


def test_the_command_line_shows_the_default_that_is_used() -> None:
    assert sandbox.KAFKA == KAFKA
