"""Contests in, the text of a page of docs/ out: performance.md, or one of the large ones. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from bench.samples import Contest, Sample, Traffic, Verdict, against, growth, middle, verdicts

HELP_LIMIT = 0.120

INTRODUCTION = """\
# What kstate costs

Written as a whole by `{command}`; do not edit it, run the command again.

- Machine: {machine}
- Software: {software}
- Measured: {when}, commit {commit}, {runs} runs of everything after one to warm up

"""

READING = """\
## How to read this

Every figure is that of a fresh process: interpreter start, imports, work, and end. One broker with an authorizer runs
beside it on the same cores, on loopback: seconds differ from machine to machine, so **read the ratios**. Contenders
take turns, and a ratio is the median of the ratios pair by pair, so a slow moment touches both sides of it. Seconds and
MiB are medians; the range behind a wall time is the fastest and the slowest run. CPU is user and system time of the
process, without the broker's. Memory is the peak of what was resident.

Requests and bytes come from one more run of each, through a proxy that counts and that no timed run passes.

The floors are programs in `bench/floors/`, and check nothing that they need not check:

- **naive**: what every tool does, with confluent-kafka: list topics, describe all configs of all topics (batches of
  500), describe ACLs.
- **lean**: the fewest bytes that answer the same: list topics, describe only the config names that matter, without
  synonyms, describe ACLs. It needs two client libraries, and importing the second one is dearer than what it saves on
  a small cluster.
- **bare calls**: create in batches (500 topics, 2,000 bindings) and wait until all of it can be read.
- **libyaml alone**: the same files into plain data, nothing checked.

kstate does more than the floors: it reads and checks the spec, proves its login and the cluster's id, and looks at
every answer. `plan` reads the ledger of what kstate owns as well. `apply` plans first, lets the broker vet what it is
about to do, takes the lock, and writes ledger and journal around each batch; the broker is emptied before every run, so
each of them is a first apply, which makes the ledger's topics too. A spec without ACLs does not read the cluster's; the
floors always do. Topics have {overrides} overrides each.

`bench/history.jsonl` has one line of ratios for every run; `python -m bench --compare` measures again, and says what
became slower.

[Side by side](comparison.md) has other tools on the same estate, by `python -m bench.peers`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was measured where, by which command; no names of machines, no paths."""

    machine: str
    software: str
    when: str
    commit: str
    runs: int
    command: str

    def fill(self, text: str) -> str:
        """A part of the page, with what it says of the run."""
        return text.format(**asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Run):
    """What else the page of the floors says of a run."""

    overrides: int
    heavy: Sequence[str]


def render(contests: Sequence[Contest], facts: Facts) -> str:
    """The whole page."""
    head = facts.fill(INTRODUCTION)
    tables = "\n".join(f"## {contest.title}\n\n{table(contest)}" for contest in contests)
    reading = facts.fill(READING)
    return f"{head}{promises(contests, facts.heavy)}\n{growing(contests)}{tables}\n{reading}"


def promises(contests: Sequence[Contest], heavy: Sequence[str]) -> str:
    """What must hold and what is aimed for, with what came out."""
    rows = [
        "| | wanted | measured | |",
        "|---|---:|---:|---|",
        *(_promise(verdict) for verdict in verdicts(contests)),
        *(_cold(contest) for contest in contests if contest.name == "help"),
        f"| Heavy imports paid by `kstate --help` | none | {', '.join(heavy) or 'none'}"
        f" | {_met(not heavy, must=True)} |",
    ]
    return "## What was promised\n\n" + "\n".join(rows) + "\n"


def _promise(verdict: Verdict) -> str:
    met = _met(verdict.met, must=verdict.must)
    found = f"{verdict.found:.2f}" if not verdict.unit else f"{verdict.found:.0f}"
    unit = verdict.unit
    return f"| {verdict.title} | <= {verdict.wanted:g}{unit} | {found}{unit} | {met} |"


def growing(contests: Sequence[Contest]) -> str:
    """How time grows with size; nothing where nothing was measured at two sizes."""
    rows = [
        f"| {g.series} | {g.smaller:,} to {g.larger:,} | {g.exponent:.2f} |"
        for g in growth(contests)
    ]
    if not rows:
        return ""
    head = "| | size | wall time grows with the power of |\n|---|---:|---:|\n"
    return "## Growth\n\n" + head + "\n".join(rows) + "\n\n1 is linear.\n\n"


def _cold(contest: Contest) -> str:
    found = middle(contest.samples[contest.ours]).wall
    met = _met(found <= HELP_LIMIT, must=True)
    return f"| `kstate --help` | <= {HELP_LIMIT * 1000:.0f} ms | {found * 1000:.0f} ms | {met} |"


def _met(met: bool, *, must: bool) -> str:
    if must:
        return "held" if met else "**broken**"
    return "reached" if met else "aim, not reached"


def table(contest: Contest) -> str:
    """One row a contender; ratios are kstate by that contender."""
    counted = bool(contest.traffic)
    heads = ["", "wall", "range", "CPU", "peak memory", "kstate / it, wall", "CPU", "memory"]
    heads += ["requests", "sent", "received"] if counted else []
    lines = [_row(heads), _row(["---"] + ["---:"] * (len(heads) - 1))]
    lines += [_row(_cells(contest, name)) for name in contest.samples]
    notes = "".join(
        f"- {name}: {_requests(traffic)}\n" for name, traffic in contest.traffic.items()
    )
    return "\n".join(lines) + "\n" + (f"\n{notes}" if notes else "")


def _cells(contest: Contest, name: str) -> Iterator[str]:
    samples = contest.samples[name]
    found = middle(samples)
    walls = [sample.wall for sample in samples]
    yield f"**{name}**" if name == contest.ours else name
    yield from (seconds(found.wall), f"{seconds(min(walls))} to {seconds(max(walls))}")
    yield from (seconds(found.cpu), f"{found.peak:.0f} MiB")
    yield from _ratios(against(contest, name) if name != contest.ours else None)
    if name in contest.traffic:
        traffic = contest.traffic[name]
        yield from (f"{traffic.total:,}", size(traffic.sent), size(traffic.received))


def _ratios(found: Sample | None) -> Iterator[str]:
    if found is None:
        yield from ("", "", "")
    else:
        yield from (f"**{found.wall:.2f}**", f"{found.cpu:.2f}", f"{found.peak:.2f}")


def _requests(traffic: Traffic) -> str:
    by_count = sorted(traffic.requests.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {name}" for name, count in by_count)


def seconds(value: float) -> str:
    """Milliseconds below one second, else seconds with two places."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def size(count: int) -> str:
    """Bytes as KiB or MiB."""
    return f"{count / 1024:,.1f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:,.1f} MiB"


def _row(cells: Sequence[str] | Iterator[str]) -> str:
    return "| " + " | ".join(cells) + " |"
