"""The documentation as web pages: no dead link, no file from another host, every page reachable."""

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from checkouts import ROOT


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """As `make site-docs` does."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-c", str(source / "docs"), "-d", str(target / "doctrees")]
    return subprocess.run([*command, "-W", "--keep-going", "--quiet", str(source), str(target / "html")],
                          capture_output=True, text=True)  # fmt: skip


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    built = build(ROOT, target)
    assert built.returncode == 0, built.stderr
    return target / "html"


class Page(HTMLParser):
    """Names that can be linked, links, and addresses that the browser loads by itself."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.names |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        self.loads += [found[name] for name in ("src", "srcset", "data") if name in found]
        if tag == "link":
            self.loads.append(found.get("href", ""))


@pytest.fixture(scope="module")
def pages(html: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in html.rglob("*.html")}


def test_every_page_of_the_repository_is_one_of_the_site(html: Path, pages: dict[Path, Page]) -> None:
    written = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    assert {html / path.relative_to(ROOT).with_suffix(".html") for path in written} <= pages.keys()


def test_links_inside_the_site_resolve(pages: dict[Path, Page]) -> None:
    checked = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].names, f"{path.name}: {link}"
            checked += 1
    assert checked > 500


def test_every_page_can_be_reached_from_the_start(html: Path, pages: dict[Path, Page]) -> None:
    seen, todo = set(), [html / "docs" / "index.html"]
    while todo:
        path = todo.pop()
        if path in pages and path not in seen:
            seen.add(path)
            todo += [(path.parent / urlsplit(link).path).resolve() for link in pages[path].links if urlsplit(link).path]
    assert seen >= pages.keys() - {html / "genindex.html", html / "search.html"}


def test_nothing_is_loaded_from_another_host(html: Path, pages: dict[Path, Page]) -> None:
    loads = [(path.name, address) for path, page in pages.items() for address in page.loads]
    assert len(loads) > 50
    assert [one for one in loads if urlsplit(one[1]).scheme not in ("", "data") or one[1].startswith("//")] == []
    styles = [path for path in html.rglob("*.css") if "url(http" in path.read_text(encoding="utf-8").replace('"', "")]
    assert styles == []


@pytest.mark.parametrize("link", ["[gone](no-such-page.md)", "[gone](metrics.md#no-such-heading)"])
def test_a_dead_link_is_an_error(link: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "docs").mkdir(parents=True)
    shutil.copy2(ROOT / "docs" / "conf.py", source / "docs")
    (source / "docs" / "metrics.md").write_text("# Metrics\n")
    (source / "docs" / "index.md").write_text("# Index\n\n[Metrics](metrics.md)\n")
    assert build(source, tmp_path / "whole").returncode == 0
    (source / "docs" / "index.md").write_text(f"# Index\n\n[Metrics](metrics.md) {link}\n")
    built = build(source, tmp_path / "dead")
    assert built.returncode != 0 and "no-such-" in built.stderr
