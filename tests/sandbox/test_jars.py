"""A download that fails says what was asked for, and leaves nothing behind that looks whole."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from reconciler.errors import Failed
from reconciler.sandbox import jars


class Repository(BaseHTTPRequestHandler):
    """A Maven repository of the test's making: path ending to (status, body, length claimed)."""

    answers: ClassVar[dict[str, tuple[int, bytes, int]]] = {}

    def do_GET(self) -> None:
        found = [answer for end, answer in self.answers.items() if self.path.endswith(end)]
        status, body, length = found[0] if found else (404, b"", 0)
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None: ...


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kstate" / "sandbox"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[type[Repository]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Repository)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv(jars.MIRROR, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(Repository, "answers", {})
    yield Repository
    server.shutdown()
    thread.join()
    server.server_close()
    with warnings.catch_warnings():
        # jgo leaves a response half read when it fails; its socket is closed here, not in some later test.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_a_version_that_does_not_exist_is_named(repository: type[Repository], cache: Path) -> None:
    with pytest.raises(Failed, match=r"Kafka|kafka_2.13:pom:4\.9\.9") as caught:
        jars.kafka("4.9.9", say=lambda _event: None)
    assert jars.MIRROR in caught.value.hint
    assert [path.name for path in cache.iterdir()] == ["lock"]


def test_a_repository_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv(jars.MIRROR, "http://127.0.0.1:1")
    with pytest.raises(Failed, match="could not fetch"):
        jars.kafka("4.3.1", say=lambda _event: None)
    assert [path.name for path in cache.iterdir()] == ["lock"]


def test_a_page_where_a_pom_was_expected_is_refused(
    repository: type[Repository], cache: Path
) -> None:
    page = b"<html><br>please log in"
    repository.answers[".pom"] = (200, page, len(page))
    with pytest.raises(Failed, match="could not fetch"):
        jars.kafka("4.3.1", say=lambda _event: None)
    assert [path.name for path in cache.iterdir()] == ["lock"]


@pytest.mark.parametrize(
    "answers",
    [
        {".tar.gz": (200, b"half", 4_000)},
        {".tar.gz": (200, b"damaged", 7)},
        {".tar.gz.sha1": (200, b"0" * 40, 40), ".tar.gz": (200, b"other", 5)},
    ],
    ids=["cut off", "damaged", "other checksum"],
)
def test_a_damaged_download_is_not_kept(
    repository: type[Repository], cache: Path, answers: dict[str, tuple[int, bytes, int]]
) -> None:
    repository.answers.update(answers)
    with pytest.raises(Failed, match="could not fetch"):
        jars.registry(say=lambda _event: None)
    assert [path.name for path in cache.iterdir()] == ["lock"]


def test_what_a_killed_download_left_is_cleared_away(
    repository: type[Repository], cache: Path
) -> None:
    (cache / "kafka-4.3.1.partial-x").mkdir(parents=True)
    with pytest.raises(Failed):
        jars.registry(say=lambda _event: None)
    assert [path.name for path in cache.iterdir()] == ["lock"]


def test_what_is_there_is_not_asked_for_again(cache: Path) -> None:
    folder = cache / "kafka-4.3.1"
    folder.mkdir(parents=True)
    (folder / "classpath").write_text("a.jar\nb/c.jar")
    assert jars.kafka("4.3.1", say=pytest.fail) == (folder / "a.jar", folder / "b/c.jar")
