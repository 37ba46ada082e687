"""Where files go, who can read them, and that two cannot work on the same sandbox."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reconciler.errors import Busy
from reconciler.sandbox import paths


def test_the_state_goes_where_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KSTATE_SANDBOX_HOME", str(tmp_path))
    assert paths.state_home() == tmp_path.resolve()


def test_xdg_folders_are_honoured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KSTATE_SANDBOX_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert paths.state_home() == (tmp_path / "state/kstate/sandbox").resolve()
    assert paths.cache_home() == (tmp_path / "cache/kstate/sandbox").resolve()


def test_a_relative_xdg_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert paths.cache_home() == (tmp_path / ".cache/kstate/sandbox").resolve()


def test_files_and_folders_are_their_users_alone(tmp_path: Path) -> None:
    folder = paths.make_private(tmp_path / "a" / "b")
    paths.write_private(folder / "secret", "s")
    paths.write_private(folder / "secret", "t")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert [(p.name, p.read_text()) for p in folder.iterdir()] == [("secret", "t")]


def test_a_second_one_waits_says_so_once_and_gives_up(tmp_path: Path) -> None:
    said: list[str] = []
    with (
        paths.locked(tmp_path / "lock", say=said.append),
        pytest.raises(Busy),
        paths.locked(tmp_path / "lock", say=said.append, patience=0.3),
    ):
        raise AssertionError("both held the lock")
    assert said == ["another kstate is at work on this sandbox; waiting for it"]


def test_the_lock_is_free_again(tmp_path: Path) -> None:
    for _ in range(2):
        with paths.locked(tmp_path / "lock", say=lambda _event: None, patience=0):
            pass
