"""The environment of a GitHub Actions job in; which repository, commit, run and pull request it is about, out.

The variables are those of https://docs.github.com/en/actions/reference/workflows-and-actions/variables.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.errors import BadUsage

if TYPE_CHECKING:
    from reconciler.notify.github import GitHub

BOT = "github-actions[bot]"


@dataclass(frozen=True, slots=True)
class Job:
    """What GitHub says about this run. `event` is its payload, empty where there is none."""

    repository: str
    commit: str
    branch: str
    run: str
    event: Mapping[str, Any]

    @property
    def pull(self) -> Mapping[str, Any]:
        """The pull request of the event, empty for any other event."""
        found = self.event.get("pull_request")
        return found if isinstance(found, Mapping) else {}


def job() -> Job:
    """Raises BadUsage for an event that cannot be read."""
    known = os.environ.get
    run = known("GITHUB_RUN_ID", "")
    server, repository = known("GITHUB_SERVER_URL", ""), known("GITHUB_REPOSITORY", "")
    return Job(
        repository,
        known("GITHUB_SHA", ""),
        known("GITHUB_REF_NAME", ""),
        f"{server}/{repository}/actions/runs/{run}" if run and server else "",
        _event(known("GITHUB_EVENT_PATH", "")),
    )


def _event(path: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        found = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BadUsage(f"GITHUB_EVENT_PATH: {path} cannot be read") from error
    return found if isinstance(found, Mapping) else {}


def github(here: Job, me: str, timeout: float) -> GitHub:
    """A client for the job's repository. Raises BadUsage where the environment does not say enough."""
    from reconciler.notify.github import Where, connect

    api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    # A GitHub Enterprise Server has one below /api/v3 and the other beside it.
    beside = f"{api.removesuffix('/v3')}/graphql" if api.endswith("/api/v3") else f"{api}/graphql"
    where = Where(api, os.environ.get("GITHUB_GRAPHQL_URL", beside), here.repository, me)
    return connect(where, os.environ.get("GITHUB_TOKEN", ""), timeout=timeout)
