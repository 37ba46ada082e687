"""The workflows as actionlint and zizmor see them, those of the docs included; the manifests as Kubernetes would.

`.ci/extra` installs what they need; elsewhere `actionlint` is on the PATH, or Go is there to build it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from reconciler.cli.main import run
from tests.test_workflows import PAGES, ROOT, callers

ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"


def _installed(name: str) -> str | None:
    """Beside this Python, or on the PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)


@pytest.fixture(scope="session")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> str:
    if found := _installed("actionlint"):
        return found
    folder = tmp_path_factory.mktemp("bin")
    assert shutil.which("go"), "neither actionlint nor go is on the PATH"
    subprocess.run(
        ["go", "install", ACTIONLINT], env={**os.environ, "GOBIN": str(folder)}, check=True
    )
    return str(folder / "actionlint")


@pytest.fixture(scope="session")
def zizmor() -> str:
    found = _installed("zizmor")
    assert found, "no zizmor: pip install '.[extra]'"
    return found


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """A repository with the workflows that the docs show."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for name, body in {**callers(), "fleet.yml": _fleet()}.items():
        with (folder / name).open("w") as file:
            YAML().dump(body, file)
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("@COMMIT", f"@{'a' * 40}"))
    return tmp_path


def _fleet() -> Any:
    """The workflow that spreads clusters over jobs."""
    page = (ROOT / "docs" / "many-clusters.md").read_text()
    [block] = re.findall(r"^```yaml\n(name: .*?)^```", page, re.MULTILINE | re.DOTALL)
    return YAML(typ="safe").load(block)


def lint(actionlint: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([actionlint], cwd=folder, capture_output=True, text=True, check=False)


def audit(zizmor: str, *inputs: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [zizmor, "--offline", "--no-progress", *inputs],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_actionlint_finds_nothing(actionlint: str) -> None:
    done = lint(actionlint, ROOT)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing(zizmor: str) -> None:
    done = audit(zizmor, ".github", "action.yml", folder=ROOT)
    assert done.returncode == 0, done.stdout
    assert "No findings to report" in done.stdout + done.stderr


def test_they_find_nothing_in_what_the_docs_show(actionlint: str, zizmor: str, shown: Path) -> None:
    done = lint(actionlint, shown)
    assert done.returncode == 0, done.stdout
    done = audit(zizmor, ".", folder=shown)
    assert done.returncode == 0, done.stdout


def test_they_find_nothing_in_what_init_writes(
    actionlint: str, zizmor: str, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert run(["init", str(tmp_path), f"--workflows=kstate/kstate@{'a' * 40}"]) == 0
    done = lint(actionlint, tmp_path)
    assert done.returncode == 0, done.stdout
    done = audit(zizmor, ".", folder=tmp_path)
    assert done.returncode == 0, done.stdout


def test_both_would_find_something(actionlint: str, zizmor: str, shown: Path) -> None:
    file = next((shown / ".github" / "workflows").iterdir())
    file.write_text(
        "on: pull_request_target\njobs:\n  x:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@v4\n      - run: echo ${{ github.event.pull_request.title }} ${{ nope }}\n"
    )
    assert lint(actionlint, shown).returncode != 0
    assert audit(zizmor, ".", folder=shown).returncode != 0


VERSION = kubernetes_validate.latest_version()


def shown_on_the_page() -> list[Any]:
    """The CronJob of the docs and what it needs."""
    page = PAGES[1].read_text()
    [block] = re.findall(r"^```yaml\n(apiVersion: batch/v1.*?)^```", page, re.MULTILINE | re.DOTALL)
    return list(YAML(typ="safe").load_all(block))


def spread(tmp_path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[Any]:
    """What `fleet matrix` writes for a spec of three clusters."""
    clusters = [f"--cluster=prod-{n}=b{n}:9092" for n in range(3)]
    assert run(["init", str(tmp_path / "spec"), *clusters, "--workflows=none"]) == 0
    capsys.readouterr()
    asked = ("--format", "kubernetes", "--image", "registry.example/kstate:1", *more)
    assert run(["fleet", "matrix", str(tmp_path / "spec"), *asked]) == 0
    return list(YAML(typ="safe").load_all(capsys.readouterr().out))


def check(manifests: list[Any]) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_the_manifests_fit_kubernetes_own_schemas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifests = shown_on_the_page()
    assert [m["kind"] for m in manifests] == ["CronJob", "PersistentVolumeClaim"]
    check(manifests)
    jobs = spread(tmp_path, capsys, "--secret", "kafka", "--run", "drift")
    assert [m["kind"] for m in jobs] == ["ConfigMap", "Job"]
    check(jobs)
    for manifest, path in (
        (manifests[0]["spec"]["jobTemplate"]["spec"], "back"),
        (jobs[1], "comp"),
    ):
        manifest[f"{path}X"] = 1
    for manifest, word in ((manifests[0], "backX"), (jobs[1], "compX")):
        with pytest.raises(Exception, match=word):
            kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_no_pod_may_more_than_it_has_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not root, no token, nothing of the image written, secrets as variables alone; and it ends."""
    cron = shown_on_the_page()[0]
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    assert cron["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
    job = spread(tmp_path, capsys, "--secret", "kafka", "--run", "apply")[1]
    # What another try would only find again is not tried again.
    [rule] = job["spec"]["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onExitCodes"]["values"]) == ("FailIndex", [2, 3, 4, 64])
    for pod in (
        cron["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        job["spec"]["template"]["spec"],
    ):
        assert pod["automountServiceAccountToken"] is False
        assert pod["restartPolicy"] == "Never"
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [kstate] = pod["containers"]
        for container in (kstate, *pod.get("initContainers", ())):
            own = container["securityContext"]
            assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
        assert [list(source) for source in kstate["envFrom"]] == [["secretRef"]]
        assert "/tmp" in [mount["mountPath"] for mount in kstate["volumeMounts"]]


def test_the_line_of_the_crontab_has_its_fields() -> None:
    [line] = re.findall(r"^```crontab\n(.*?)^```", PAGES[1].read_text(), re.MULTILINE | re.DOTALL)
    assert re.fullmatch(r"[0-5]?\d( \*){4} \S.*\n", line)
