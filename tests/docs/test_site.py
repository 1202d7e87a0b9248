"""The site is built without a warning: every page is in its navigation, every link and anchor leads somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT

README = (ROOT / "README.md").read_text()
LINKS = re.findall(r"\]\(([^)\s]+)\)", README)


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    built = build(ROOT, target)
    assert built.returncode == 0, built.stdout + built.stderr
    return target


def test_every_page_is_built(site: Path) -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        assert (site / path.relative_to(ROOT / "docs").with_suffix(".html")).is_file()


def test_the_site_asks_no_other_machine_for_anything(site: Path) -> None:
    for path in site.rglob("*.html"):
        tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", path.read_text())
        assert [tag for tag in tags if re.search(r"""(?:src|href)=["']?(?:https?:)?//""", tag)] == []


def test_a_broken_link_a_broken_anchor_and_a_page_outside_the_navigation_fail_the_build(tmp_path: Path) -> None:
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs/forgotten.md").write_text("# Forgotten\n")
    start = tmp_path / "docs/start.md"
    start.write_text(f"{start.read_text()}\n[no page](nowhere.md), [no anchor](concepts.md#nothing-of-that-name)\n")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode != 0
    for told in ("forgotten.md", "'nowhere.md'", "#nothing-of-that-name"):
        assert told in built.stderr


@pytest.mark.parametrize("link", [link for link in LINKS if not link.startswith(("http://", "https://"))])
def test_the_links_of_the_readme_lead_somewhere(link: str) -> None:
    place, _, anchor = link.partition("#")
    target = ROOT / place if place else ROOT / "README.md"
    assert target.exists()
    if anchor:
        assert anchor in {slug(heading) for heading in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)}


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())
