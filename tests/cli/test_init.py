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


def workflow(made: dict[str, str], name: str) -> Any:
    body = yaml.safe_load(made[f".github/workflows/{name}.yml"])
    body["on"] = body.pop(True)  # YAML 1.1 reads `on` as true; GitHub does not
    return body


def test_each_job_has_its_environment_and_no_more_rights_than_it_needs(
    made: dict[str, str],
) -> None:
    """Jobs of its own, not calls: GitHub gives secrets of an environment to no workflow of another repository."""
    granted = {}
    for name in ("plan", "apply", "drift"):
        body = workflow(made, name)
        assert body["permissions"] == {}
        for title, job in body["jobs"].items():
            granted[title] = job["permissions"]
            secret = "secrets.KSTATE_ENV" in str(job)
            assert secret == (title != "fork")
            assert job.get("environment") == {"apply": "apply", "fork": None}.get(title, "plan")
            assert job.get("concurrency", {}).get("cancel-in-progress") is not True
            assert job["steps"][0]["with"] == {"persist-credentials": False}
            assert not [s for s in job["steps"] if "${{" in s.get("run", "")]
    login = {"contents": "read", "id-token": "write"}
    assert granted == {
        "plan": login | {"pull-requests": "write"},
        "fork": {"contents": "read"},
        "check": login | {"pull-requests": "read"},
        "apply": login | {"pull-requests": "write"},
        "drift": login | {"issues": "write"},
    }
    assert workflow(made, "plan")["on"] == "pull_request"
    assert workflow(made, "apply")["on"]["push"] == {"branches": ["main"]}
    assert set(workflow(made, "apply")["on"]["workflow_dispatch"]["inputs"]) == {
        "digest",
        "approve",
    }


def test_what_decides_whether_to_apply_is_what_the_shared_workflow_has(
    made: dict[str, str],
) -> None:
    """Two copies of one decision, which must not part."""
    shared = yaml.safe_load((FOLDER / "kstate-apply.yml").read_text())["jobs"]
    own = workflow(made, "apply")["jobs"]
    assert own["check"]["outputs"] == shared["check"]["outputs"]
    assert own["check"]["steps"][-1] == shared["check"]["steps"][-1]
    assert own["apply"]["if"] == shared["apply"]["if"]
    [asked] = [s["if"] for s in own["check"]["steps"] if s.get("id") == "approved"]
    assert asked in [s.get("if") for s in shared["check"]["steps"]]
    fork = yaml.safe_load((FOLDER / "kstate-plan.yml").read_text())["jobs"]
    assert [j["if"] for j in workflow(made, "plan")["jobs"].values()] == [
        j["if"] for j in fork.values()
    ]


FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
COMMIT = "8f3c" * 10


def pins(folder: Path) -> set[str]:
    texts = written(folder / ".github" / "workflows").values()
    return {ref for text in texts for ref in re.findall(r"uses: \w+/kstate@(\S+)$", text, re.M)}


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


def test_the_action_takes_what_it_is_given(made: dict[str, str]) -> None:
    known = yaml.safe_load((FOLDER.parents[1] / "action.yml").read_text())["inputs"]
    pinned = re.compile(r"acme/kstate@v1|[\w-]+/[\w-]+@[0-9a-f]{40}")
    for name in ("plan", "apply", "drift"):
        steps = [s for job in workflow(made, name)["jobs"].values() for s in job["steps"]]
        used = [step for step in steps if "uses" in step]
        assert all(pinned.fullmatch(step["uses"]) for step in used)
        given = [step["with"] for step in used if step["uses"].startswith("acme/kstate@")]
        assert given
        assert all(step.keys() <= known.keys() for step in given)


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
