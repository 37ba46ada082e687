"""More of what is measured: a change of 1 %, drift, an import, churn, connectors, clusters far from here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

from bench import specs
from bench.cluster import AWAY, Bench
from bench.measure import Contender, floor, kstate, run, take_turns
from bench.samples import Contest
from bench.scenarios import Size, counted, fill, here

CONNECTORS = 100
CLUSTERS, TOPICS = 10, 500
APPROVED = ("KS221", "KS231", "KS301")


def reading(bench: Bench, folder: Path, sizes: Sequence[Size], runs: int) -> Iterator[Contest]:
    """An estate that is as wanted, looked at in other ways than by a plan that finds nothing."""
    for size in sizes:
        every = size.topics, size.bindings, size.subjects
        spec = str(specs.write(folder / f"daily-{size.short}", *every))
        changed = specs.write_changed(folder / f"changed-{size.short}", *every)
        fill(bench, spec)
        bare = specs.write_bare(folder / f"bare-{size.short}", registry=bool(size.subjects))
        out = folder / "imported"
        limit = ("--timeout", "60s")
        verbs = {
            "changed": ("One topic of a hundred changed at", "plan", (str(changed), *limit)),
            "drift": ("Drift, none, at", "drift", (spec, *limit)),
            "import": ("Import of", "import", (str(bare), "--out", str(out), *limit)),
        }
        registry = [bench.registry] if size.subjects else []
        for name, (title, verb, arguments) in verbs.items():
            told = f"{name}-{size.short}", f"{title} {size}", verb
            yield _contest(bench, told, runs, arguments, registry)
    bench.wipe()


def _contest(
    bench: Bench,
    told: tuple[str, str, str],
    runs: int,
    arguments: Sequence[str],
    registry: Sequence[str],
) -> Contest:
    """One verb beside a naive reading of everything; `told` is its name, its title and the verb."""
    name, title, verb = told
    ours = f"kstate {verb}"
    out = Path(arguments[arguments.index("--out") + 1]) if "--out" in arguments else None

    def contenders(bootstrap: str) -> list[Contender]:
        before = (lambda: shutil.rmtree(out, ignore_errors=True)) if out else (lambda: None)
        return [
            Contender("naive", floor("naive", bootstrap, *registry)),
            Contender(ours, kstate(verb, *arguments), before=before),
        ]

    samples = take_turns(contenders(bench.bootstrap), runs, here(bench))
    traffic = counted(bench, contenders(bench.counted))
    return Contest(name=name, title=title, ours=ours, samples=samples, traffic=traffic)


def churn(bench: Bench, folder: Path, bindings: int, runs: int) -> Iterator[Contest]:
    """One binding of ten taken from its principal and given to another, until it can be read."""
    services, now, who = bindings // specs.BINDINGS, folder / "churn", folder / "who"
    ours = cycle([specs.write_churned(folder / f"churn-{name}", services, name) for name in "ab"])
    theirs = cycle(["d c", "c d"])

    def swap() -> None:
        shutil.rmtree(now, ignore_errors=True)
        shutil.copytree(next(ours), now)

    bare = floor("churn_bindings", bench.bootstrap, str(services), str(who))
    approved = [word for code in APPROVED for word in ("--approve", code)]
    contenders = [
        Contender("bare calls", bare, before=lambda: _put(who, next(theirs))),
        Contender("kstate apply", kstate("apply", str(now), "--yes", *approved), before=swap),
    ]
    for contender in contenders:  # what is given away has to be there first
        run(contender, here(bench))
    yield Contest(
        name=f"churn-{bindings}",
        title=f"A tenth of {bindings:,} bindings given to others",
        ours="kstate apply",
        samples=take_turns(contenders, runs, here(bench)),
    )
    bench.wipe()


def _put(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def connectors(bench: Bench, folder: Path, runs: int) -> Contest:
    """A hundred connectors that are as wanted, beside the one request that tells all of them."""
    spec = str(specs.write_connectors(folder / "connectors", CONNECTORS))
    fill(bench, spec)
    contenders = [
        Contender("bare calls", floor("connectors", bench.connect)),
        Contender("kstate plan", kstate("plan", spec, "--detailed-exitcode")),
    ]
    return Contest(
        name=f"connectors-{CONNECTORS}",
        title=f"Nothing to do at {CONNECTORS} connectors",
        ours="kstate plan",
        samples=take_turns(contenders, runs, here(bench)),
    )


def fleet(bench: Bench, folder: Path, runs: int) -> Contest:
    """Clusters far from here in one run, beside one of them alone."""
    spec = str(specs.write_fleet(folder / "fleet", CLUSTERS, TOPICS))
    ways = zip(range(CLUSTERS), bench.far, strict=True)
    environment = {f"BENCH_FAR_{number}": way for number, way in ways}
    near = dict.fromkeys(environment, bench.bootstrap)
    filled = kstate("apply", spec, "--cluster", "far-0", "--yes", "--timeout", "60s")
    run(Contender("filling", filled), near)
    plan = kstate("plan", spec, "--detailed-exitcode", "--timeout", "60s")
    contenders = [
        Contender("one of them", (*plan, "--cluster", "far-0")),
        Contender("kstate plan", plan),
    ]
    return Contest(
        name=f"fleet-{CLUSTERS}",
        title=f"Nothing to do on {CLUSTERS} clusters of {TOPICS} topics, {AWAY * 1000:.0f} ms away",
        ours="kstate plan",
        samples=take_turns(contenders, runs, environment),
        aims={"one of them": 1.5},
    )
