"""Sphinx: the Markdown of this repository as pages that work from the disk (`make site-docs`)."""

import re

from sphinx.application import Sphinx

project = "supernet"
author = "the super-net reproducibility authors"
extensions = ["myst_parser"]
# Paths in the repository, so that the links between pages are those that GitHub shows.
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "docs/*/*.md"]
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
html_theme = "furo"
html_title = "supernet"
html_copy_source = False
html_show_sphinx = False


def with_contents(app: Sphinx, name: str, content: list[str]) -> None:
    """Add a table of contents to the index: the pages that it links, in the same order."""
    if name == root_doc:
        entries = "\n".join(dict.fromkeys(re.findall(r"\]\(([\w./-]+)\.md\)", content[0])))
        content[0] += f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def setup(app: Sphinx) -> None:
    app.connect("source-read", with_contents)
