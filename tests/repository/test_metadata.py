"""Metadata of the repository for catalogues and citations."""

import json
import re
import tomllib

import pytest
import yaml
from checkouts import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def citation() -> dict[str, object]:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_the_citation_has_what_its_format_requires(citation: dict[str, object]) -> None:
    """Citation File Format 1.2.0: these keys, an author by name, and references with type, title and authors."""
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    (reference,) = citation["references"]  # type: ignore[misc]
    assert {"type", "title", "authors"} <= reference.keys()
    for author in [*citation["authors"], *reference["authors"]]:  # type: ignore[misc]
        assert "name" in author or {"family-names", "given-names"} <= author.keys()


def test_the_citation_agrees_with_the_package_and_the_readme(citation: dict[str, object]) -> None:
    assert citation["version"] == PROJECT["version"] and citation["license"] == PROJECT["license"]
    (author,) = citation["authors"]  # type: ignore[misc]
    assert f"Copyright (c) 2026 {author['name']}" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (reference,) = citation["references"]  # type: ignore[misc]
    assert reference["title"].partition(":")[0] in readme and "Kaicheng" in readme
    assert f"Version {PROJECT['version']}" in readme


def test_the_deposit_agrees_with_the_citation_and_the_package(citation: dict[str, object]) -> None:
    """Zenodo reads this file when a release is made."""
    deposit = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    assert deposit["upload_type"] == "software" and deposit["access_right"] == "open"
    for key in ("title", "version", "license", "keywords"):
        assert deposit[key] == citation[key], key
    assert deposit["description"] == citation["abstract"]
    assert [one["name"] for one in deposit["creators"]] == [one["name"] for one in PROJECT["authors"]]
    assert deposit["creators"] == citation["authors"]
    (reference,) = citation["references"]  # type: ignore[misc]
    assert [one["identifier"].partition(":")[2] in reference["url"] for one in deposit["related_identifiers"]] == [True]


def test_a_released_version_has_its_date_everywhere(citation: dict[str, object]) -> None:
    """The change log's heading of a version and `date-released` of the citation come with the release."""
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = dict(re.findall(r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", log, re.MULTILINE))
    assert "## [Unreleased]" in log
    assert released.get(PROJECT["version"]) == (str(citation["date-released"]) if "date-released" in citation else None)


def test_the_workflow_catalogue_can_list_it() -> None:
    """Its criteria for generic workflows, and instructions that hold here."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme and "workflow" in readme
    assert (ROOT / "Snakefile").exists() and list((ROOT / "workflow" / "rules").glob("*.smk"))
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))["usage"]
    deployment = usage["software-stack-deployment"]
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert deployment["conda"] == ("conda:" in rules)
    assert deployment["apptainer"] == ("container:" in rules)
    assert deployment["report"] == ("report(" in rules)
    assert usage["mandatory-flags"]["flags"] == ""
