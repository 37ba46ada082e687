"""A real browser, and the rules of accessibility, for the tests that need more than Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"


def _found(*names: str) -> str:
    # GitHub's machines keep the driver aside, in a folder that this variable names.
    aside = os.environ.get("CHROMEWEBDRIVER", "")
    paths = (shutil.which(name, path=aside or None) or shutil.which(name) for name in names)
    found = next((path for path in paths if path), None)
    if found is None:
        pytest.fail(f"{' or '.join(names)} is not here: .ci/extra installs it", pytrace=False)
    return found


@dataclass
class Browser:
    """One window. `messages` are what the page said on its console since it was opened."""

    driver: webdriver.Chrome

    def open(self, page: Path, *, width: int = 1280, dark: bool = False, at: str = "") -> None:
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.command("Emulation.setEmulatedMedia", features=[_scheme(dark=dark)])
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.driver.get(page.as_uri() + at)

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)  # type: ignore[no-untyped-call]

    def wait(self, script: str, *arguments: object) -> Any:
        """What the script gives to its callback, the last of its arguments."""
        return self.driver.execute_async_script(script, *arguments)  # type: ignore[no-untyped-call]

    @property
    def messages(self) -> list[str]:
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def text(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
        found: list[str] = self.run(script, selector)
        return found


def _scheme(*, dark: bool) -> dict[str, str]:
    return {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    options = webdriver.ChromeOptions()
    options.binary_location = _found(*BROWSERS)
    # As root in a container there is no sandbox of the browser's own.
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_found("chromedriver")))
    driver.set_script_timeout(60)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def axe() -> str:
    """The rules, as a script."""
    if not AXE.is_file():
        pytest.fail("axe-core is not here: .ci/extra installs it", pytrace=False)
    return AXE.read_text(encoding="utf-8")
