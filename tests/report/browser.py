"""Headless Chromium without a network, and what tests ask of a page in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

# SwiftShader draws WebGL without a GPU; CI runs as root, where Chromium's own sandbox does not start.
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
)
DRAWN = """
const plot = arguments[0];
if (plot.dataset.state !== "drawn") return 0;
const marks = plot.querySelectorAll(".points path, .lines path, .hm image, .bars path, canvas.gl-canvas");
const boxes = [...marks].map((mark) => mark.getBoundingClientRect());
return boxes.filter((box) => box.width + box.height > 0).length;
"""


@dataclass(frozen=True)
class Browser:
    """One browser for all tests of a session."""

    driver: webdriver.Chrome

    @classmethod
    @contextmanager
    def open(cls, chromium: str, driver: str) -> Iterator[Browser]:
        options = Options()
        options.binary_location = chromium
        for flag in FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        opened = webdriver.Chrome(options=options, service=Service(driver))
        try:
            opened.execute_cdp_cmd("Network.enable", {})
            opened.execute_cdp_cmd(
                "Network.emulateNetworkConditions",
                {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
            )
            yield cls(opened)
        finally:
            opened.quit()

    def show(self, page: Path, width: int = 1280) -> None:
        """Open a page in a window of this width; what earlier pages said is forgotten."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get_log("browser")
        self.driver.get(page.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns."""
        return self.driver.execute_script(script, *arguments)

    def figures(self, which: str = ".plot") -> dict[str, int]:
        """Scroll to each figure that is not folded away, and return how many marks each one then has."""
        found = {}
        for plot in self.run(
            "return [...document.querySelectorAll(arguments[0])].filter((p) => !p.closest('details:not([open])'))",
            which,
        ):
            self.run("arguments[0].scrollIntoView({block: 'center'})", plot)
            WebDriverWait(self.driver, 20, poll_frequency=0.05).until(lambda _, plot=plot: self.run(DRAWN, plot))
            found[plot.get_attribute("id")] = self.run(DRAWN, plot)
        return found

    def complaints(self) -> list[str]:
        """Return what the console said that is an error."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def column(self, table: str, heading: str) -> list[str]:
        """Return the texts of a column, from the top."""
        return self.run(
            "const table = document.querySelector(arguments[0]);"
            "const at = [...table.rows[0].cells].findIndex((c) => c.textContent.trim() === arguments[1]);"
            "return [...table.tBodies[0].rows].map((row) => row.cells[at].textContent)",
            *(table, heading),
        )
