"""kstate as one of the contenders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import specs
from bench.measure import KSTATE
from bench.peers.estate import Estate
from bench.peers.tool import Command, Step
from reconciler import __version__

BOOTSTRAP = "BENCH_BOOTSTRAP"  # what the spec of specs.py refers to
DOES = (
    "reads and checks the spec; plans against the live cluster; lets the broker vet what it is about to do; takes its"
    " lock; writes in batches, with a ledger and a journal in the cluster around each; reads back what it touched."
    " A first apply makes the ledger's topics too."
)


@dataclass(frozen=True, slots=True)
class Kstate:
    """This checkout's kstate."""

    name: str = "kstate"
    called: str = "kstate"
    version: str = f"kstate {__version__}"
    does: str = DOES

    def takes(self, estate: Estate) -> bool:  # noqa: ARG002  # a seam
        return True

    def environment(self, folder: Path, bootstrap: str) -> Mapping[str, str]:  # noqa: ARG002  # a seam
        return {BOOTSTRAP: bootstrap}

    def files(self, estate: Estate, folder: Path, bootstrap: str) -> Mapping[str, str]:  # noqa: ARG002  # a seam
        if not estate.topics:
            return specs.files(0, estate.bindings)
        return {"cluster.yaml": specs.CLUSTER, **dict(_grouped(estate))}

    def command(self, step: Step, estate: Estate, folder: Path) -> Command:  # noqa: ARG002  # a seam
        if step in {Step.CREATE, Step.APPLY_CHANGE}:
            return Command(KSTATE, ("apply", str(folder), "--yes"))
        told = ("plan", str(folder), "--detailed-exitcode")
        return Command(KSTATE, told, code=2 if step is Step.PLAN_CHANGE else 0)


def _grouped(estate: Estate) -> Iterator[tuple[str, str]]:
    documents = [_document(name, config) for name, config in estate.configs().items()]
    for at in range(0, len(documents), specs.A_FILE):
        yield f"topics-{at:05d}.yaml", "---\n".join(documents[at : at + specs.A_FILE])


def _document(name: str, config: Mapping[str, str]) -> str:
    overrides = ", ".join(f"{key}: {value}" for key, value in config.items())
    return (
        f"apiVersion: kstate/v1\nkind: Topic\nmetadata: {{name: {name}}}\n"
        f"spec: {{partitions: {specs.PARTITIONS}, replication: 1, config: {{{overrides}}}}}\n"
    )
