"""The page of HTML in a real browser: what it shows, how it is used, what it may not do, and for whom it works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.explain import codes
from reconciler.cli.showing import spell
from reconciler.core.estate import Live
from reconciler.core.model import Change, Edit, Key, Owner, Risk
from reconciler.core.plan import ClusterPlan, Plan
from reconciler.reports import forms
from reconciler.reports.forms import About, tell
from tests.extra.conftest import Browser
from tests.reports.found import drift_of, live_of, plan_of
from tests.reports.test_golden import DRIFTS, EVOLVED, GONE, GREW, LIVE, PLANS, RESULTS, SHRUNK

ABOUT = About(codes=codes(), spell=spell, live=LIVE, owners={"topics.yaml:3": "team-shop"})
STAMP = ("2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z", "0.1.0")
CLUSTERS = tuple(ClusterPlan(n, f"id-{n}", {"platform": "apache"}) for n in ("prod-eu", "prod-us"))
MIXED = Plan(
    CLUSTERS,
    ((EVOLVED, GREW), (SHRUNK, GONE, *PLANS["takeover"].changes, *PLANS["steps"].changes)),
    *STAMP,
    estate="acme",
    commit="0123456789abcdef",
    unmanaged=("prod-eu/topic/legacy",),
    risks=(Risk("KS301", "cluster prod-eu: more than 20 deletions"),),
    notices=("the first apply makes the topics __kstate and __kstate_journal",),
    owners={EVOLVED.key: "team-shop", GREW.key: "team-orders"},
)
SCRIPT = "</script><script>window.gone = true</script><img src=x onerror='window.gone = true'>"


def big(count: int) -> tuple[Plan, list[Live]]:
    changes = []
    for number in range(count):
        key = Key(("prod-eu", "prod-us")[number % 2], "topic", f"orders.{number:05d}.v1")
        source = (f"topics/{number % 40}.yaml:{number + 1}",)
        body = {"partitions": 6, "config": {"retention.ms": "604800000"}}
        match number % 10:
            case 0:
                risks = (Risk("KS202", f"up to {number:,} records", {"records": number}),)
                changes.append(Change(key, body, None, risks=risks, owner=Owner.OURS))
            case 1 | 2 | 3:
                edit = Edit(("config", "retention.ms"), "604800000", "86400000")
                changes.append(Change(key, body, body, (edit,), sources=source, owner=Owner.OURS))
            case _:
                changes.append(Change(key, None, body, sources=source))
    owners = {change.key: f"team-{at % 25}" for at, change in enumerate(changes)}
    live = [Live(change.key, change.before) for change in changes if change.before]
    for number in range(count):
        name = f"User:app-{number // 20}|topic|orders.{number % 997}|prefixed|Read|allow|*"
        live.append(Live(Key("prod-eu", "acl", name), {}))
    return Plan(CLUSTERS, (tuple(changes),), *STAMP, estate="acme", owners=owners), live


def written(folder: Path, name: str, what: str, found: object, about: About = ABOUT) -> Path:
    file = folder / f"{name}.html"
    file.write_text(str(tell("html", what, found, about)), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    plan, live = big(10_000)
    hostile = About(codes=codes(), live=live_of(SCRIPT), failures={SCRIPT: SCRIPT})
    return {
        "plan": written(folder, "plan", forms.PLAN, MIXED),
        "nothing": written(folder, "nothing", forms.PLAN, PLANS["nothing"], About(codes=codes())),
        "drift": written(folder, "drift", forms.DRIFT, DRIFTS["some"]),
        "result": written(folder, "result", forms.RESULT, RESULTS["part"]),
        "hostile": written(folder, "hostile", forms.PLAN, plan_of(SCRIPT), hostile),
        "hostile-drift": written(folder, "hostile-drift", forms.DRIFT, drift_of(SCRIPT), hostile),
        "big": written(folder, "big", forms.PLAN, plan, About(codes=codes(), live=live)),
    }


SMALL = ("plan", "nothing", "drift", "result", "hostile", "hostile-drift")
OPEN = "for (const row of document.querySelectorAll('details')) row.open = true;"


# --- what it may not do


@pytest.mark.parametrize("name", [*SMALL, "big"])
def test_it_loads_nothing_and_complains_of_nothing(
    name: str, browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages[name])
    browser.run(OPEN)
    assert browser.run("return performance.getEntriesByType('resource').map((e) => e.name)") == []
    assert browser.messages == []
    assert browser.text("h1") != []


def test_nothing_else_may_run_or_be_fetched(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["plan"])
    refused = browser.wait("""
        const done = arguments[0], seen = [];
        document.addEventListener("securitypolicyviolation", (e) => seen.push(e.effectiveDirective));
        const script = document.createElement("script");
        try { script.text = "window.gone = true"; document.body.append(script); } catch (e) { seen.push("script"); }
        const image = new Image(); image.src = "http://127.0.0.1:9/x.png"; document.body.append(image);
        const style = document.createElement("style"); style.textContent = "h1 { color: red }";
        document.head.append(style);
        try { document.body.innerHTML = "<p>gone</p>"; } catch (e) { seen.push("markup"); }
        fetch("http://127.0.0.1:9/").catch(() => setTimeout(() => done([seen, window.gone]), 200));
    """)
    assert {"img-src", "style-src-elem", "connect-src", "markup", "script"} <= set(refused[0])
    assert refused[1] is None


@pytest.mark.parametrize("name", ["hostile", "hostile-drift"])
def test_a_hostile_name_is_shown_and_does_nothing(
    name: str, browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages[name])
    for tab in ("changes", "access", "estate"):
        browser.run(
            "document.querySelector(`[data-name=tab-${arguments[0]}]`).click();" + OPEN, tab
        )
        assert browser.run("return window.gone === undefined && !document.querySelector('img')")
        assert any("<script>" in text for text in browser.text(".row code"))
    assert browser.run("return document.querySelectorAll('script').length") == 2
    assert browser.messages == []


# --- for whom it works

RUN_AXE = """
    const done = arguments[arguments.length - 1];
    axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] })
        .then((found) => done(JSON.stringify(found.violations.map((v) =>
            [v.id, v.help, v.nodes.slice(0, 3).map((n) => [n.html, n.failureSummary])]))))
        .catch((error) => done(JSON.stringify(String(error))));
"""


def violations(browser: Browser, axe: str) -> Any:
    browser.run(f"if (!window.axe) {{ {axe} }}")
    return json.loads(browser.wait(RUN_AXE))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", SMALL)
def test_axe_finds_nothing(
    name: str, dark: bool, browser: Browser, pages: dict[str, Path], axe: str
) -> None:
    # The rules build their own markup, which the page's policy forbids to everybody.
    browser.command("Page.setBypassCSP", enabled=True)
    try:
        for tab in ("changes", "access", "estate"):
            browser.open(pages[name], dark=dark, at=f"#tab={tab}")
            browser.run(OPEN)
            assert violations(browser, axe) == []
    finally:
        browser.command("Page.setBypassCSP", enabled=False)


def test_axe_finds_what_is_wrong(browser: Browser, pages: dict[str, Path], axe: str) -> None:
    """Or the test above would prove nothing."""
    browser.command("Page.setBypassCSP", enabled=True)
    try:
        browser.open(pages["plan"])
        browser.run("document.body.style.color = '#bbb'; document.body.style.background = '#ccc';")
        browser.run("document.documentElement.removeAttribute('lang')")
        found = [violation[0] for violation in violations(browser, axe)]
        assert "html-has-lang" in found
    finally:
        browser.command("Page.setBypassCSP", enabled=False)


def test_dark_and_light_follow_the_system(browser: Browser, pages: dict[str, Path]) -> None:
    grounds = []
    for dark in (False, True):
        browser.open(pages["plan"], dark=dark)
        grounds.append(
            browser.run("return getComputedStyle(document.documentElement).backgroundColor")
        )
    assert grounds == ["rgb(246, 246, 243)", "rgb(17, 20, 22)"]


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2000])
@pytest.mark.parametrize("name", ["plan", "drift", "hostile"])
def test_nothing_sticks_out_sideways(
    name: str, width: int, browser: Browser, pages: dict[str, Path]
) -> None:
    for tab in ("changes", "access", "estate"):
        browser.open(pages[name], width=width, at=f"#tab={tab}")
        browser.run(OPEN)
        assert browser.run("return document.documentElement.scrollWidth") <= width


# --- how it is used

KEYS = {"Tab": "\ue004", "Enter": "\ue007"}


def press(browser: Browser, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(browser.driver).send_keys(KEYS.get(key, key)).perform()


def status(browser: Browser) -> str:
    return browser.text("#status")[0]


def until(browser: Browser, words: str) -> None:
    script = """
        const [words, done] = arguments, end = performance.now() + 5000;
        const look = () => {
            const said = document.getElementById("status").textContent;
            if (said === words || performance.now() > end) done(said); else setTimeout(look, 20);
        };
        look();
    """
    assert browser.wait(script, words) == words


def test_the_keyboard_is_enough(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["plan"])
    press(browser, "Tab")
    assert browser.run("return document.activeElement.className") == "skip"
    press(browser, "/", *"retention")
    until(browser, "1 of 6 changes")
    for _ in range(12):
        press(browser, "Tab")
        if browser.run("return document.activeElement.tagName") == "SUMMARY":
            break
    assert browser.run("return document.activeElement.tagName") == "SUMMARY"
    press(browser, "Enter")
    assert browser.run("return document.activeElement.parentElement.open")
    filled = """
        const done = arguments[0], end = performance.now() + 5000;
        const look = () => {
            const said = document.querySelector(".row[open] .body").textContent;
            if (said || performance.now() > end) done(said); else setTimeout(look, 20);
        };
        look();
    """
    assert "604800000 (7d)" in browser.wait(filled)


def choose(browser: Browser, name: str, value: str) -> None:
    browser.run(
        "const s = document.querySelector(`[data-name=${arguments[0]}]`); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change', { bubbles: true }));",
        name,
        value,
    )


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("cluster", "prod-us", ["topic clicks"]),
        ("kind", "schema", ["schema orders-value"]),
        ("owner", "team-shop", ["schema orders-value"]),
        ("risk", "impossible", ["topic orders"]),
        ("risk", "KS203", ["topic old"]),
        ("action", "delete", ["topic old"]),
    ],
)
def test_filters_by_cluster_kind_owner_risk_and_action(
    name: str, value: str, shown: list[str], browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["plan"])
    choose(browser, name, value)
    kinds = [said.split()[1] for said in browser.text(".row .kind")]
    names = browser.text(".row .name code")
    assert [f"{kind} {name}" for kind, name in zip(kinds, names, strict=True)] == shown
    assert status(browser) == "1 of 6 changes"
    browser.run("document.getElementById('clear').click()")
    assert status(browser) == "6 changes"


def test_where_one_is_stands_in_the_address(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["plan"])
    choose(browser, "risk", "blocking")
    at = browser.run("return location.hash")
    assert at == "#risk=blocking"
    shown = status(browser)
    browser.open(pages["plan"], at=at)
    assert status(browser) == shown == "2 of 6 changes"


def test_counts_are_filters(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["plan"])
    browser.run("document.querySelector('[data-filter=\"action=delete\"]').click()")
    assert status(browser) == "1 of 6 changes"
    pressed = "return document.querySelector('[data-filter=\"action=delete\"]').getAttribute('aria-pressed')"
    assert browser.run(pressed) == "true"


def test_two_versions_of_a_schema_stand_side_by_side(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["plan"], at="#kind=schema")
    browser.run(OPEN)
    left = "\n".join(browser.text(".diff td:first-child"))
    right = "\n".join(browser.text(".diff td:last-child"))
    assert '"name": "total"' in right
    assert '"name": "total"' not in left
    assert browser.run("return document.querySelector('.diff .added') !== null")
    assert "compatibility" in browser.text(".settings")[0]
    assert "fields" not in browser.text(".settings")[0]


def test_what_a_deny_takes_away_and_who_may_reach_a_topic(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["drift"], at="#tab=access")
    said = " ".join(browser.text(".access li"))
    assert "may write topics beginning with orders." in said
    assert "must not do anything with topic orders.secret (denied to everybody)" in said
    browser.run(
        "const i = document.querySelector('[data-name=topic]'); i.value = arguments[0];"
        "i.dispatchEvent(new Event('input', { bubbles: true }));",
        "payments",
    )
    until(browser, "0 of 2 principals")


def test_everything_is_there_when_one_scrolls(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["big"])
    assert len(browser.text(".row")) == 100
    script = """
        const [wanted, done] = arguments, end = performance.now() + 20000;
        const step = () => {
            const rows = document.querySelectorAll(".row").length;
            if (rows >= wanted || performance.now() > end) return done(rows);
            window.scrollTo(0, document.body.scrollHeight);
            setTimeout(step, 30);
        };
        step();
    """
    assert browser.wait(script, 1_000) >= 1_000
    assert "Show more" in browser.text("#more")[0]


def test_ten_thousand_changes_open_within_two_seconds(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["big"])
    timing = "const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd"
    assert browser.run(timing) < 2_000
    assert status(browser) == "10,000 changes"
    assert browser.run("return document.querySelectorAll('*').length") < 3_000
    took = browser.wait("""
        const done = arguments[0], box = document.querySelector("[data-name=q]"), began = performance.now();
        box.value = "orders.09999"; box.dispatchEvent(new Event("input", { bubbles: true }));
        const look = () => document.getElementById("status").textContent.startsWith("1 of")
            ? done(performance.now() - began) : setTimeout(look, 5);
        look();
    """)
    assert took < 1_000
