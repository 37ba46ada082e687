"""Groups of clusters in, a Kubernetes Job with one pod for each out: as text, for people to read and to keep in Git."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.errors import BadUsage

if TYPE_CHECKING:
    from reconciler.core.fleet import Group

VERBS = ("plan", "apply", "drift")
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
# Exit codes that another try only finds again: changes or drift, refused, stale, bad usage.
SETTLED = [2, 3, 4, 64]
# Whoever has no user of that number in the image has one here: the number is all that is needed.
USER = 10001
# Words of an image, a folder: what needs no quoting in a shell, and cannot be taken for an option.
PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9._/:@-]*")


@dataclass(frozen=True, slots=True)
class Job:
    """What every pod runs: `kstate run folder`, in `image`, with the variables of the Secret `secret`."""

    image: str
    run: str
    folder: str
    secret: str
    at_once: int

    @property
    def name(self) -> str:
        return f"kstate-{self.run}"


def checked(job: Job) -> None:
    """Raises BadUsage for what would make a manifest that means something else, or nothing."""
    if not PLAIN.fullmatch(job.image):
        raise BadUsage(
            "--image: name an image that holds kstate and the spec, as in `--image registry/kstate:1`"
        )
    if job.run not in VERBS:
        raise BadUsage(f"--run {job.run}: there is {', '.join(VERBS)}")
    if not PLAIN.fullmatch(job.folder):
        raise BadUsage(f"--folder {job.folder}: a path such as /spec")
    if job.secret and not NAME.fullmatch(job.secret):
        raise BadUsage(f"--secret {job.secret}: the name of a Kubernetes Secret")
    if job.at_once < 1:
        raise BadUsage("--at-once: expected 1 or more")


def manifest(groups: Sequence[Group], job: Job) -> str:
    """A ConfigMap that says which clusters each index is for, and an indexed Job that reads it."""
    from reconciler.spec.writing import render

    return render([_map(groups, job), _job(groups, job)])


def _map(groups: Sequence[Group], job: Job) -> dict[str, Any]:
    data = {str(index): group.arguments for index, group in enumerate(groups)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"{job.name}-groups"},
        "data": data,
    }


def _job(groups: Sequence[Group], job: Job) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job.name},
        "spec": {
            "completionMode": "Indexed",
            "completions": len(groups),
            "parallelism": min(job.at_once, len(groups)),
            # One group that fails is tried once more, and never keeps another from its turn.
            "backoffLimitPerIndex": 1,
            "maxFailedIndexes": len(groups),
            "podFailurePolicy": {"rules": [_final()]},
            "template": {"spec": _pod(job)},
        },
    }


def _final() -> dict[str, Any]:
    codes = {"containerName": "kstate", "operator": "In", "values": SETTLED}
    return {"action": "FailIndex", "onExitCodes": codes}


def _pod(job: Job) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(job)],
        "volumes": [
            {"name": "groups", "configMap": {"name": f"{job.name}-groups"}},
            # A client key is a file there for as long as it takes to open it: in memory, on no disk.
            {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        ],
    }


def _container(job: Job) -> dict[str, Any]:
    secret = {"envFrom": [{"secretRef": {"name": job.secret}}]} if job.secret else {}
    agreed = " --yes" if job.run == "apply" else ""
    command = f"exec kstate {job.run} {job.folder} $(cat /groups/$JOB_COMPLETION_INDEX){agreed}"
    return {
        "name": "kstate",
        "image": job.image,
        "command": ["sh", "-c", f"{command} --format json"],
        **secret,
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "groups", "mountPath": "/groups", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # of this pod alone
        ],
    }
