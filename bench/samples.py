"""What was measured: samples of several contenders in, medians and ratios pair by pair out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import log
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """One fresh process: seconds of wall time, seconds of CPU (user and system), MiB at its peak."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one process asked of the broker: requests by name, and bytes there and back."""

    requests: Mapping[str, int]
    sent: int
    received: int

    @property
    def total(self) -> int:
        return sum(self.requests.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The same work by several contenders; `ours` is kstate, the others are floors.

    The n-th samples of all contenders were taken one right after the other, so they share the machine's mood.
    `most` is the memory in MiB that is aimed at, 0 for none. Contests of a `series` differ in their `size` alone.
    `limits` are the ratios of wall times that must not be exceeded, `aims` those that are wished for, by floor.
    """

    name: str
    title: str
    ours: str
    samples: Mapping[str, Sequence[Sample]]
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    aims: Mapping[str, float] = field(default_factory=dict)
    most: float = 0.0
    series: str = ""
    size: int = 0

    @property
    def floors(self) -> tuple[str, ...]:
        return tuple(name for name in self.samples if name != self.ours)


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of each figure by itself."""
    return Sample(
        median(sample.wall for sample in samples),
        median(sample.cpu for sample in samples),
        median(sample.peak for sample in samples),
    )


def ratio(ours: Sequence[Sample], floor: Sequence[Sample]) -> Sample:
    """Ours by the floor's, pair by pair, and then the median: a slow minute touches both sides of a pair."""
    pairs = zip(ours, floor, strict=True)
    return middle([Sample(a.wall / b.wall, a.cpu / b.cpu, a.peak / b.peak) for a, b in pairs])


def ratios(contests: Sequence[Contest]) -> dict[str, float]:
    """Wall time of kstate by that of each floor, under names that stay the same from run to run."""
    return {
        f"{contest.name}/{floor}": round(against(contest, floor).wall, 3)
        for contest in contests
        for floor in contest.floors
    }


def against(contest: Contest, floor: str) -> Sample:
    """The ratios of kstate to one floor."""
    return ratio(contest.samples[contest.ours], contest.samples[floor])


@dataclass(frozen=True, slots=True)
class Verdict:
    """A limit or an aim, and what was found."""

    title: str
    wanted: float
    found: float
    must: bool
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.found <= self.wanted


def verdicts(contests: Sequence[Contest]) -> Iterator[Verdict]:
    """Everything that was promised or wished for, with what came out."""
    for contest in contests:
        for wanted, must in ((contest.limits, True), (contest.aims, False)):
            for floor, most in wanted.items():
                found = round(against(contest, floor).wall, 2)
                yield Verdict(f"{contest.title}: {contest.ours} / {floor}", most, found, must)
        if contest.most:
            peak = middle(contest.samples[contest.ours]).peak
            yield Verdict(f"{contest.title}: peak memory", contest.most, peak, False, " MiB")


@dataclass(frozen=True, slots=True)
class Growth:
    """From one size to a larger one: time grows with that power of the size. 1 is linear, 0 is not at all."""

    series: str
    smaller: int
    larger: int
    exponent: float


def growth(contests: Sequence[Contest]) -> Iterator[Growth]:
    """Of every series, from each size to the next one."""
    for name in dict.fromkeys(contest.series for contest in contests if contest.series):
        own = sorted((c for c in contests if c.series == name), key=lambda contest: contest.size)
        for small, large in pairwise(own):
            before, after = (middle(c.samples[c.ours]).wall for c in (small, large))
            power = log(after / before) / log(large.size / small.size)
            yield Growth(name, small.size, large.size, power)
