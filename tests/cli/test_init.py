"""A new spec repository: valid at once, nothing overwritten, the same from answers and from flags."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from reconciler import __version__
from reconciler.cli import init, pinning
from reconciler.cli.main import run
from reconciler.spec.folder import load
from reconciler.spec.skeleton import LOGINS, files

FLAGS = (
    "--estate=acme",
    "--cluster=prod-eu=b1:9093,b2:9093",
    "--cluster=staging=env:STAGING_BOOTSTRAP",
    "--registry=prod-eu=https://registry:8081",
    "--connect=prod-eu=env:CONNECT_URL",
    "--login=scram",
    "--owner=@acme/platform",
    "--workflows=acme/kstate@v1",
)


def written(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_what_it_writes_is_valid_and_says_what_was_asked(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    assert run(["init", str(folder), *FLAGS]) == 0
    assert run(["validate", str(folder)]) == 0
    spec = load(folder)
    assert spec.estate is not None
    assert spec.estate.name == "acme"
    eu, staging = spec.clusters
    assert eu.spec["bootstrap"] == ["b1:9093", "b2:9093"]
    assert eu.spec["kafka"] == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "env:PROD_EU_USERNAME",
        "sasl.password": "env:PROD_EU_PASSWORD",
    }
    assert eu.spec["registry"] == {"url": "https://registry:8081"}
    assert eu.spec["connect"] == [{"name": "main", "url": "env:CONNECT_URL"}]
    assert [c.metadata["labels"] for c in (eu, staging)] == [{"env": "prod"}, {"env": "staging"}]
    assert spec.documents == ()  # an example is nobody's first plan
    assert yaml.safe_load_all(written(folder)["_examples/orders.yaml"])


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("flags", [(), ("--no-example", "--workflows=none"), ("--owner=@me",)])
def test_every_way_to_ask_gives_a_valid_repository(
    tmp_path: Path, login: str, flags: tuple[str, ...]
) -> None:
    folder = str(tmp_path / "My Kafka!")
    assert run(["init", folder, "--login", login, *flags]) == 0
    assert run(["validate", folder]) == 0


@pytest.mark.parametrize("name", ["0", "true", "1e3", "No", "2026-11-24", "0x1F"])
def test_a_name_that_yaml_would_not_take_for_one(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    assert run(["init", str(folder), f"--cluster={name}=b:1", f"--owner=@{name}"]) == 0
    (folder / "_examples").rename(folder / "examples")
    assert run(["validate", str(folder)]) == 0
    found = load(folder)
    assert found.estate is not None
    assert (found.estate.name, found.clusters[0].name) == (name, name)
    assert found.documents[0].metadata["clusters"] == [name]


def test_the_examples_are_valid_where_they_are_read(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path / "a"), *FLAGS]) == 0
    (tmp_path / "a" / "_examples").rename(tmp_path / "a" / "examples")
    assert run(["validate", str(tmp_path / "a")]) == 0
    assert [d.kind for d in load(tmp_path / "a").documents] == ["Topic", "Acl"]


def test_nothing_is_overwritten_and_all_that_is_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / ".editorconfig").symlink_to(tmp_path / "nowhere")
    (tmp_path / "other").write_text("kept")
    before = written(tmp_path)
    assert run(["init", str(tmp_path)]) == 64
    assert f"{tmp_path} holds already: .editorconfig, README.md" in capsys.readouterr().err
    assert written(tmp_path) == before
    (tmp_path / "README.md").unlink()
    (tmp_path / ".editorconfig").unlink()
    assert run(["init", str(tmp_path)]) == 0
    assert (tmp_path / "other").read_text() == "kept"
    assert run(["init", str(tmp_path)]) == 64


def test_a_platform_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "new"), "--platform", "kafka"]) == 64
    assert "--platform kafka: there is apache" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


class Terminal:
    """Somebody who answers, in order; nothing is the default."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def prompt(self, question: str, *, default: str, err: bool) -> str:
        self.asked.append(question)
        return self.answers.pop(0) or default

    def confirm(self, question: str, *, default: bool, err: bool) -> bool:
        self.asked.append(question)
        return {"y": True, "n": False}.get(self.answers.pop(0), default)


def test_on_a_terminal_it_asks_for_what_no_flag_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Terminal(
        "prod-eu",
        "b1:9093,b2:9093",
        "staging",
        "",
        "",
        "scram",
        "acme",
        "@acme/platform",
        "y",
        "acme/kstate@v1",
    )
    monkeypatch.setattr(init.typer, "prompt", there.prompt)
    monkeypatch.setattr(init.typer, "confirm", there.confirm)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    beside = FLAGS[3:5]
    assert run(["init", str(tmp_path / "asked"), *beside]) == 0
    assert there.answers == []
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert run(["init", str(tmp_path / "flags"), *FLAGS]) == 0
    assert written(tmp_path / "asked") == written(tmp_path / "flags")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert run(["init", str(tmp_path / "again"), *FLAGS, "--example"]) == 0


# --- the files beside the spec


@pytest.fixture
def made(tmp_path: Path) -> dict[str, str]:
    assert run(["init", str(tmp_path / "acme"), *FLAGS]) == 0
    return written(tmp_path / "acme")


def test_nothing_of_a_template_is_left_open(made: dict[str, str]) -> None:
    assert not [path for path, text in made.items() if "@{" in text]
    assert all(text.endswith("\n") and "\t" not in text for text in made.values())


def test_workflows_call_kstates_own_with_no_more_than_they_need(made: dict[str, str]) -> None:
    for name in ("plan", "apply", "drift"):
        body = yaml.safe_load(made[f".github/workflows/{name}.yml"])
        assert body["permissions"] == {}
        [job] = body["jobs"].values()
        assert job["uses"] == f"acme/kstate/.github/workflows/kstate-{name}.yml@v1"
        assert set(job["permissions"]) <= {"contents", "pull-requests", "issues", "id-token"}
        assert job["permissions"]["contents"] == "read"
        assert job["secrets"] == {"env": "${{ secrets.KSTATE_ENV }}"}
    plan, apply = (yaml.safe_load(made[f".github/workflows/{n}.yml"]) for n in ("plan", "apply"))
    assert list(plan[True]) == ["pull_request"]  # YAML 1.1 reads `on` as true; GitHub does not
    assert apply["jobs"]["apply"]["with"]["environment"] == "apply"
    assert apply["jobs"]["apply"]["with"]["plan-environment"] == "plan"


COMMIT = "8f3c" * 10


def pins(folder: Path) -> set[str]:
    texts = written(folder / ".github" / "workflows").values()
    return {
        ref
        for text in texts
        for ref in re.findall(r"uses: \S+?/kstate-\w+\.yml@(\S+)$", text, re.M)
    }


def test_what_it_calls_is_pinned_to_what_it_is_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commit it was installed from, where that is known; else its version's tag, with the way to the commit."""
    assert run(["init", str(tmp_path / "tag")]) == 0
    assert pins(tmp_path / "tag") == {f"v{__version__}"}
    way = f"git ls-remote https://github.com/kstate/kstate v{__version__} 'v{__version__}^{{}}'"
    assert way in capsys.readouterr().err
    assert way in written(tmp_path / "tag")[".github/workflows/plan.yml"]
    for number, (url, expected) in enumerate(
        [
            ("https://github.com/kstate/kstate.git", COMMIT),
            ("ssh://git@github.com/kstate/kstate", COMMIT),
            ("https://github.com/mallory/kstate", f"v{__version__}"),
            ("https://github.com.mallory.example/kstate/kstate", f"v{__version__}"),
        ]
    ):
        monkeypatch.setattr(pinning, "_origin", lambda url=url: (url, COMMIT))
        assert run(["init", str(tmp_path / str(number))]) == 0
        assert pins(tmp_path / str(number)) == {expected}
        assert ("can be moved" in capsys.readouterr().err) == (expected != COMMIT)


def test_a_branch_is_no_pin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ref in ("main", "heads/v1", COMMIT[:12], COMMIT.upper()):
        assert run(["init", str(tmp_path / "new"), f"--workflows=acme/kstate@{ref}"]) == 64
        assert f"{ref} is neither a full commit nor the tag" in capsys.readouterr().err
        assert not (tmp_path / "new").exists()
    assert run(["init", str(tmp_path / "new"), f"--workflows=acme/kstate@{COMMIT}"]) == 0
    assert pins(tmp_path / "new") == {COMMIT}
    assert "can be moved" not in capsys.readouterr().err


def test_the_workflows_it_calls_take_what_it_gives(made: dict[str, str]) -> None:
    """Where this repository has them: every input is one of theirs."""
    root = Path(__file__).parents[2] / ".github" / "workflows"
    for name in ("plan", "apply", "drift"):
        own = root / f"kstate-{name}.yml"
        if own.is_file():
            called = yaml.safe_load(own.read_text())[True]["workflow_call"]
            [job] = yaml.safe_load(made[f".github/workflows/{name}.yml"])["jobs"].values()
            assert set(job["with"]) <= set(called["inputs"])
            assert set(job["secrets"]) <= set(called["secrets"])


def test_everything_that_has_to_be_supplied_is_named(made: dict[str, str]) -> None:
    wanted = {"PROD_EU_USERNAME", "PROD_EU_PASSWORD", "STAGING_USERNAME", "STAGING_PASSWORD"}
    wanted |= {"STAGING_BOOTSTRAP", "CONNECT_URL"}
    told = set(re.findall(r"^([A-Z_]+)=\.\.\.$", made["README.md"], re.MULTILINE))
    referred = set(
        re.findall(r"env:([A-Z_]+)", "".join(t for p, t in made.items() if "clusters/" in p))
    )
    assert told == referred == wanted


def test_an_editor_checks_against_the_copy_of_the_schemas(made: dict[str, str]) -> None:
    settings = json.loads(made[".vscode/settings.json"])
    [place] = settings["yaml.schemas"]
    folder = Path(place).parent.as_posix()
    forms = {Path(p).name: json.loads(t) for p, t in made.items() if p.startswith(folder)}
    registry: Any = Registry().with_resources(
        (name, Resource.from_contents(form)) for name, form in forms.items()
    )
    checker = Draft202012Validator(forms["spec.v1.json"], registry=registry)
    cluster = yaml.safe_load(made["clusters/prod-eu.yaml"])
    checker.validate(cluster)
    cluster["spec"]["bootstrop"] = cluster["spec"].pop("bootstrap")
    assert not checker.is_valid(cluster)


def test_the_hook_runs_what_there_is(made: dict[str, str]) -> None:
    [repository] = yaml.safe_load(made[".pre-commit-config.yaml"])["repos"]
    [hook] = repository["hooks"]
    assert hook["entry"] == "kstate validate ."
    own = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())
    assert [(h["id"], h["entry"]) for h in own] == [(hook["id"], "kstate validate")]
    for pattern in (hook["files"], own[0]["files"]):
        assert re.search(pattern, "topics/a.yaml")
        assert re.search(pattern, "schemas/a.avsc")
        assert not re.search(pattern, "README.md")


def test_files_are_made_without_touching_a_disk() -> None:
    from reconciler.spec.skeleton import Answers, NewCluster

    answers = Answers("e", (NewCluster("c", ("b:1",)),), workflows="o/r@x")
    assert files(answers) == files(answers)
