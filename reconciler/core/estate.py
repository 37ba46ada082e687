"""What is live on a cluster as a report shows it: whose each resource is, and where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.model import Body, Key


@dataclass(frozen=True, slots=True)
class Live:
    """One live resource. `owner` is the team that its document names, empty where none does.

    `managed`: a document asks for it or the ledger says it is ours. `settings` are those that were read.
    """

    key: Key
    settings: Body
    owner: str = ""
    sources: tuple[str, ...] = ()
    managed: bool = True
