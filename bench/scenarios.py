"""What is measured: a running broker and a number of runs in, contests out."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import specs
from bench.cluster import Bench
from bench.measure import ROOT, Contender, floor, kstate, run, take_turns
from bench.samples import Contest, Traffic

HERE = "BENCH_BOOTSTRAP"
REGISTRY = "BENCH_REGISTRY"
CONNECT = "BENCH_CONNECT"
# Heavy modules that `kstate --help` must not pay for.
HEAVY = ("boto3", "azure", "deepdiff", "jsonschema", "confluent_kafka", "kafka", "yaml", "ruamel")


@dataclass(frozen=True, slots=True)
class Size:
    """How many topics and ACL bindings an estate has."""

    topics: int
    bindings: int = 0
    subjects: int = 0

    def __str__(self) -> str:
        parts = {"topics": self.topics, "bindings": self.bindings, "subjects": self.subjects}
        *most, last = [f"{count:,} {what}" for what, count in parts.items() if count]
        return f"{', '.join(most)} and {last}" if most else last

    @property
    def short(self) -> str:
        return f"{self.topics}t{self.bindings}b" + (f"{self.subjects}s" if self.subjects else "")


PLANNED = (Size(100), Size(1_000), Size(1_000, 1_000))
APPLIED = (Size(100), Size(1_000), Size(0, 1_000))
# Each has all that the one before has, so that nothing has to go in between.
LARGE_PLANNED = (
    Size(1_000),
    Size(10_000),
    Size(10_000, 20_000),
    Size(10_000, 80_000),
    Size(10_000, 80_000, 3_000),
)
LARGE_APPLIED = (Size(10_000), Size(0, 10_000))
DAILY = (Size(1_000, 1_000),)
LARGE_DAILY = (Size(10_000, 80_000, 3_000),)
CHURNED, LARGE_CHURNED = 1_000, 20_000
READ = (1_000, 10_000)
SUBJECTS = (300, 1_000)
LARGE_SUBJECTS = (3_000,)


def start(runs: int) -> Contest:
    """`kstate --help` beside a Python that does nothing."""
    bare = (kstate()[0], "-c", "pass")
    contenders = [Contender("python -c pass", bare), Contender("kstate --help", kstate("--help"))]
    samples = take_turns(contenders, 2 * runs, {})
    return Contest(name="help", title="Cold start", ours="kstate --help", samples=samples)


def validate(folder: Path, runs: int) -> Iterator[Contest]:
    """Specs read and checked, beside libyaml that only reads them."""
    for count in READ:
        spec = str(specs.write(folder / f"validate-{count}", count - 1))
        contenders = [
            Contender("libyaml alone", floor("parse", spec)),
            Contender("kstate validate", kstate("validate", spec)),
        ]
        samples = take_turns(contenders, runs, {HERE: "127.0.0.1:1"})
        title = f"Read and check {count:,} documents"
        yield Contest(
            name=f"validate-{count}", title=title, ours="kstate validate", samples=samples
        )


def applying(bench: Bench, folder: Path, sizes: Sequence[Size], runs: int) -> Iterator[Contest]:
    """New things made and visible, beside the bare calls; the broker is emptied before every run."""
    for size in sizes:
        spec = str(specs.write(folder / f"apply-{size.short}", size.topics, size.bindings))
        program = "create_topics" if size.topics else "create_bindings"
        count = str(size.topics or size.bindings)

        def contenders(
            bootstrap: str, program: str = program, count: str = count, spec: str = spec
        ) -> list[Contender]:
            bare = floor(program, bootstrap, count)
            ours = kstate("apply", spec, "--yes", "--timeout", "60s")
            return [
                Contender("bare calls", bare, before=bench.wipe),
                Contender("kstate apply", ours, before=bench.wipe),
            ]

        yield Contest(
            name=f"apply-{size.short}",
            title=f"Make {size}",
            ours="kstate apply",
            samples=take_turns(contenders(bench.bootstrap), runs, {HERE: bench.bootstrap}),
            traffic=counted(bench, contenders(bench.counted)),
            aims={"bare calls": 1.3} if size.topics >= 1_000 or size.bindings >= 10_000 else {},
            series="Make topics" if size.topics else "",
            size=size.topics,
        )
    bench.wipe()


def planning(bench: Bench, folder: Path, sizes: Sequence[Size], runs: int) -> Iterator[Contest]:
    """Nothing to do, at growing sizes, beside both floors."""
    for size in sizes:
        every = size.topics, size.bindings, size.subjects
        spec = str(specs.write(folder / f"plan-{size.short}", *every))
        fill(bench, spec)
        registry = [bench.registry] if size.subjects else []

        def contenders(
            bootstrap: str, spec: str = spec, registry: Sequence[str] = registry
        ) -> list[Contender]:
            plan = kstate("plan", spec, "--detailed-exitcode", "--timeout", "60s")
            return [
                Contender("naive", floor("naive", bootstrap, *registry)),
                Contender("lean", floor("lean", bootstrap, *(registry or "-"), *specs.OVERRIDES)),
                Contender("kstate plan", plan),
            ]

        yield Contest(
            name=f"plan-{size.short}",
            title=f"Nothing to do at {size}",
            ours="kstate plan",
            samples=take_turns(contenders(bench.bootstrap), runs, here(bench)),
            traffic=counted(bench, contenders(bench.counted)),
            limits={"naive": 1.6} if size.topics == 1_000 else {},
            aims={"naive": 0.75, "lean": 1.5} if size.topics >= 10_000 else {},
            most=300 if size.topics >= 10_000 else 0,
            series="Nothing to do" if not size.bindings else "",
            size=size.topics,
        )


def registry(bench: Bench, folder: Path, sizes: Sequence[int], runs: int) -> Iterator[Contest]:
    """Subjects read, beside bare requests one after the other and 16 side by side; a plan with nothing to do."""
    url = bench.registry
    bench.wipe()  # of what no document here asks for
    for size in sizes:
        spec = str(specs.write(folder / f"registry-{size}", 0, subjects=size))
        fill(bench, spec)
        contenders = [
            Contender("one by one", floor("subjects", url, "one-by-one")),
            Contender("16 side by side", floor("subjects", url, "side-by-side")),
            Contender("kstate reads", floor("read_subjects", url)),
            Contender("kstate plan", kstate("plan", spec, "--detailed-exitcode")),
        ]
        yield Contest(
            name=f"registry-{size}",
            title=f"{size:,} subjects of a registry",
            ours="kstate reads",
            samples=take_turns(contenders, runs, here(bench)),
            aims={"16 side by side": 1.3},
        )
    bench.wipe()


def fill(bench: Bench, spec: str) -> None:
    """Bring the cluster to the spec by kstate itself, and let the broker come to rest."""
    command = kstate("apply", spec, "--yes", "--timeout", "60s")
    run(Contender("filling the cluster", command), here(bench))
    time.sleep(3)


def here(bench: Bench) -> dict[str, str]:
    """Where the addresses of a spec lead."""
    return {HERE: bench.bootstrap, REGISTRY: bench.registry, CONNECT: bench.connect}


def counted(bench: Bench, contenders: Sequence[Contender]) -> Mapping[str, Traffic]:
    """Each once more through the proxy, in a run that is not timed."""
    found: dict[str, Traffic] = {}
    for contender in contenders:
        bench.proxy.traffic()
        run(contender, {**here(bench), HERE: bench.counted})
        found[contender.name] = bench.proxy.traffic()
    return found


def heavy_imports() -> tuple[str, ...]:
    """Those of HEAVY that `kstate --help` imports."""
    program = (
        "import sys, os; from reconciler.cli.main import run; run(['--help']);"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return tuple(told.stderr.split())
