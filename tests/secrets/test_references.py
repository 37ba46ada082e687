"""Secrets that were resolved: they are masked however a server, a library or we ourselves write them down."""

from __future__ import annotations

import base64
import html
import json
import os
import threading
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.clients import http
from reconciler.clients.http import Answer
from reconciler.reports.words import visible
from reconciler.secrets import references
from reconciler.secrets.references import MASK, redact, remember, resolve

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQE\nFAASCBKcwgg==\n-----END PRIVATE KEY-----"
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON as it is": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON with slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps({"message": json.dumps({"password": text})}),
    "Python": repr,
    "a path": lambda text: quote(text, ""),
    "a path in lower case": lambda text: "".join(
        f"%{byte:02x}" if quote(bytes([byte]), "") != chr(byte) else chr(byte)
        for byte in text.encode()
    ),
    "a query": lambda text: urlencode({"token": text}),
    "a form": quote_plus,
    "HTML": html.escape,
    "what is shown": visible,
    "a line": lambda text: " ".join(text.split()),
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "_seen", references._Seen())


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize(
    "value", ['pa"ss\\wörd/%+&<>', "tab\tand\nnewline", "it's", "snow\u2603man", KEY]
)
def test_it_is_masked_however_it_is_written(value: str, form: str) -> None:
    remember(value)
    text = WRITTEN[form](value)
    assert MASK in redact(f"the server said: {text}!")
    left = redact(text)
    for part in value.split():
        assert len(part) < 8 or part not in left


@given(st.text(min_size=4, alphabet=st.characters(codec="utf-8")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_text_in_any_form(value: str) -> None:
    remember(value)
    for write in WRITTEN.values():
        text = write(value)
        core = value.strip()
        if len(core) >= 4:
            assert core not in redact(text)


@pytest.mark.parametrize("line", KEY.splitlines())
def test_a_secret_of_many_lines_is_masked_line_by_line(line: str) -> None:
    remember(KEY)
    assert redact(f"cannot parse {line!r}") == f"cannot parse {MASK!r}"


def test_short_ones_would_mask_ordinary_words() -> None:
    remember("abc")
    remember("key:\n  one\n  two-two-two")
    assert redact("abc key: one") == "abc key: one"


def test_the_longest_first_so_that_nothing_of_one_is_left_by_another() -> None:
    remember("hunter2")
    remember("hunter2-and-more")
    assert redact("hunter2-and-more hunter2") == f"{MASK} {MASK}"


def test_bytes_that_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"ODD", b"pass\xffword")
    value = resolve("env:ODD", ".")
    assert redact(f"no: {value}") == f"no: {MASK}"


def test_a_secret_that_is_cut_off_was_masked_before() -> None:
    remember("hunter2-hunter2-hunter2")
    for before in range(970, 1001):
        told = Answer(400, None, "x" * before + "hunter2-hunter2-hunter2").words
        assert "hunter2" not in told


def test_a_login_that_comes_back_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "hunter2-hunter2")
    auth = {"basic": {"username": "ci", "password": "env:PW"}}
    http.connect("the registry", {"url": "http://a", "auth": auth}, ".", 1.0)
    sent = base64.b64encode(b"ci:hunter2-hunter2").decode()
    assert redact(f"401 bad header: Authorization: Basic {sent}").endswith(MASK)


def test_many_threads_add_and_ask_at_once() -> None:
    def work(number: int) -> None:
        for at in range(20):
            remember(f"secret-{number}-{at}")
            assert redact(f"secret-{number}-{at}") == MASK

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    failures: list[object] = []
    threading.excepthook, before = (
        (lambda args: failures.append(args.exc_value)),
        threading.excepthook,
    )
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.excepthook = before
    assert failures == []
