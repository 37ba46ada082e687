"""Ratios are taken pair by pair; a promise is held or broken by them."""

from __future__ import annotations

from bench.samples import Contest, Sample, Traffic, middle, ratio, ratios, verdicts


def walls(*seconds: float) -> list[Sample]:
    return [Sample(wall, wall / 2, 10 * wall) for wall in seconds]


def contest(**more: object) -> Contest:
    samples = {"naive": walls(1, 2, 4), "kstate plan": walls(2, 4, 2)}
    return Contest(name="plan", title="Plan", ours="kstate plan", samples=samples, **more)  # type: ignore[arg-type]


def test_the_median_of_each_figure_by_itself() -> None:
    assert middle([Sample(1, 9, 5), Sample(2, 8, 6), Sample(3, 7, 1)]) == Sample(2, 8, 5)


def test_a_ratio_is_that_of_pairs_and_not_of_medians() -> None:
    # By medians it would be 2 / 2 = 1; by pairs it is the median of 2, 2 and 0.5.
    assert ratio(walls(2, 4, 2), walls(1, 2, 4)).wall == 2


def test_names_of_ratios_are_those_of_the_history() -> None:
    assert ratios([contest()]) == {"plan/naive": 2.0}


def test_we_are_not_a_floor_of_our_own() -> None:
    assert contest().floors == ("naive",)


def test_limits_and_aims_are_judged() -> None:
    found = list(verdicts([contest(limits={"naive": 1.6}, aims={"naive": 2.0})]))
    assert [(verdict.found, verdict.must, verdict.met) for verdict in found] == [
        (2.0, True, False),
        (2.0, False, True),
    ]


def test_traffic_adds_up() -> None:
    assert Traffic({"Metadata": 3, "Fetch": 2}, 0, 0).total == 5
