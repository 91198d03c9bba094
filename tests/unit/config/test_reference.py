"""The reference of the study file agrees with the models and with the files that users write."""

import copy
import json
from pathlib import Path
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped,unused-ignore]
import pytest
import yaml
from checkouts import ROOT

from supernet.commands import reference
from supernet.config.baselines import BASELINES, SWEEPS
from supernet.config.coverage import coverage_text
from supernet.config.factors import FACTORS, SPACES, factors_of
from supernet.config.inheritance import EXTENDS, StudyFile
from supernet.config.reference import page_text, schema_text, study_schema
from supernet.config.searches import Searches
from supernet.config.study import Study

STUDIES = sorted((ROOT / "workflow" / "studies").glob("*.yaml"))


def program(arguments: list[str]) -> int:
    """Return the exit code of `supernet reference`."""
    try:
        reference.main(arguments)
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    content = study_schema()
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


def _mini() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "tests" / "studies" / "mini.yaml").read_text(encoding="utf-8"))
    return copy.deepcopy(content)


def test_the_committed_reference_is_in_step() -> None:
    assert program(["--check"]) == 0


def test_check_names_the_file_that_is_out_of_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--directory", str(tmp_path)]
    assert program(["--check", *at]) == 1
    assert program(at) == 0
    assert program(["--check", *at]) == 0
    capsys.readouterr()
    (tmp_path / "study.md").write_text(page_text() + "x", encoding="utf-8")
    assert program(["--check", *at]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and errors[0].startswith(f"{tmp_path / 'study.md'}: out of date")
    assert (tmp_path / "study.schema.json").read_text(encoding="utf-8") == schema_text()
    assert (tmp_path / "factors.md").read_text(encoding="utf-8") == coverage_text(STUDIES)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_schema_accepts_every_study_as_it_is_written(schema: jsonschema.Draft202012Validator, path: Path) -> None:
    schema.validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_points_editors_at_the_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    mark, _, target = first.partition("$schema=")
    assert mark == "# yaml-language-server: "
    assert (path.parent / target).resolve() == ROOT / "docs" / "reference" / "study.schema.json"


CHANGES: dict[str, tuple[bool, tuple[str, ...], Any]] = {
    "paper": (True, ("spaces", "darts", "sweep", "epochs"), "paper"),
    "no baseline": (True, ("spaces", "darts", "baseline"), {"train_portion": 0.5}),
    "auto": (True, ("metrics", "threshold"), "auto"),
    "named momentum": (True, ("protocol", "bn_momentum"), "authors_code"),
    "momentum": (False, ("protocol", "bn_momentum"), 0),
    "null": (False, ("protocol", "bn_momentum"), None),
    "integer for a float": (True, ("spaces", "darts", "sweep", "learning_rate"), [1]),
    "unknown key": (False, ("pool", "sizes"), 3),
    "unknown space": (False, ("spaces", "dart"), {}),
    "no spaces": (False, ("spaces",), {}),
    "unknown factor": (False, ("spaces", "darts", "sweep", "epoch"), [3]),
    "factor not implemented": (False, ("spaces", "darts", "sweep", "wsbn"), [True]),
    "baseline type": (False, ("spaces", "darts", "baseline", "epochs"), "many"),
    "sweep type": (False, ("spaces", "darts", "sweep", "epochs"), [1.5]),
    "sweep scalar": (False, ("spaces", "darts", "sweep", "epochs"), 3),
    "sweep word": (False, ("spaces", "darts", "sweep", "epochs"), "papers"),
    "empty sweep": (False, ("spaces", "darts", "sweep", "epochs"), []),
    "value twice": (False, ("spaces", "darts", "sweep", "epochs"), [3, 3]),
    "zero epochs": (False, ("spaces", "darts", "baseline", "epochs"), 0),
    "portion above 1": (False, ("spaces", "darts", "baseline", "train_portion"), 1.5),
    "law of other spaces": (False, ("spaces", "darts", "sweep", "path_sampling"), ["random_nas"]),
    "layers of three stacks": (False, ("spaces", "nasbench101", "baseline", "layers"), 4),
    "swept layers of three stacks": (False, ("spaces", "nasbench101", "sweep", "layers"), [3, 4]),
    "truth layers of three stacks": (False, ("spaces", "nasbench101", "truth", "layers"), 4),
    "seeds twice": (False, ("spaces", "darts", "seeds"), [1, 1]),
    "empty seeds": (False, ("spaces", "darts", "seeds"), []),
    "empty sweep seeds": (False, ("spaces", "darts", "sweep_seeds"), []),
    "bn mode": (False, ("scoring", "bn_modes"), ["train"]),
    "name": (False, ("study",), "a b"),
    "title": (False, ("title",), ""),
    "threshold": (False, ("metrics", "threshold"), 0),
}


@pytest.mark.parametrize(("good", "path", "value"), CHANGES.values(), ids=CHANGES.keys())
def test_schema_and_models_agree(
    schema: jsonschema.Draft202012Validator, good: bool, path: tuple[str, ...], value: Any
) -> None:
    content = _mini()
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert schema.is_valid(content) == good
    if good:
        Study.model_validate(content)
    else:
        with pytest.raises(ValueError, match="validation error"):
            Study.model_validate(content)


def test_baseline_may_be_left_out_and_one_of_truth_and_published_may(schema: jsonschema.Draft202012Validator) -> None:
    content = _mini()
    del content["spaces"]["nasbench101"]["baseline"]
    schema.validate(content)
    del content["spaces"]["nasbench101"]["truth"]
    assert not schema.is_valid(content)
    content["spaces"]["nasbench101"]["published"] = "nasbench201"
    assert not schema.is_valid(content)
    content["spaces"]["nasbench101"]["published"] = "nasbench101"
    schema.validate(content)


EXTENDING: dict[str, tuple[bool, dict[str, Any]]] = {
    "nothing else": (True, {}),
    "a path": (True, {"extends": "../a/base.yml"}),
    "a part of each mapping": (True, {"data": {"flip": False}, "spaces": {"darts": {"truth": {"epochs": 3}}}}),
    "a section without its required keys": (True, {"searches": {"jobs": 2, "systems": {}}}),
    "an empty section": (True, {"spaces": {}, "pool": {}}),
    "null for sections": (True, {"data": None, "pool": None, "searches": None, "spaces": None}),
    "null for a space and its parts": (
        True,
        {"spaces": {"darts": None, "nasbench201": {"truth": None, "sweep": None}}},
    ),
    "null for single values": (True, {"seed": None, "pool": {"size": None}, "data": {"name": None}}),
    "null for a factor": (True, {"spaces": {"darts": {"sweep": {"epochs": None}, "baseline": {"epochs": None}}}}),
    "null for the systems of a space": (True, {"searches": {"systems": {"darts": None}}}),
    "paper": (True, {"spaces": {"darts": {"sweep": {"epochs": "paper"}}}}),
    "unknown key": (False, {"pols": {}}),
    "unknown nested key": (False, {"pool": {"sizes": 3}}),
    "unknown space": (False, {"spaces": {"dart": None}}),
    "unknown factor": (False, {"spaces": {"darts": {"sweep": {"epoch": None}}}}),
    "wrong type": (False, {"pool": {"size": "many"}}),
    "wrong value": (False, {"spaces": {"darts": {"sweep": {"epochs": []}}}}),
    "wrong system": (False, {"searches": {"systems": {"darts": ["spo"]}}}),
    "null for the title": (False, {"title": None}),
    "a list of parents": (False, {"extends": ["mini"]}),
}


@pytest.mark.parametrize(("good", "keys"), EXTENDING.values(), ids=EXTENDING.keys())
def test_the_schema_of_a_study_that_extends(
    schema: jsonschema.Draft202012Validator, good: bool, keys: dict[str, Any]
) -> None:
    content = {"study": "case", "title": "A child", "extends": "mini", **keys}
    assert schema.is_valid(content) == good


@pytest.mark.parametrize("key", ["study", "title", "extends"])
def test_only_a_study_that_extends_may_leave_out_sections(schema: jsonschema.Draft202012Validator, key: str) -> None:
    content = {"study": "case", "title": "A child", "extends": "mini"}
    assert schema.is_valid(content)
    del content[key]
    assert not schema.is_valid(content)
    assert schema.is_valid(_mini() | {"extends": None})
    assert not schema.is_valid(_mini() | {"extends": None, "spaces": {"darts": None}})


def test_editors_are_offered_the_baseline_of_each_space() -> None:
    definitions = json.loads(schema_text())["$defs"]
    for space, values in BASELINES.items():
        offered = definitions[space]["properties"]["baseline"]["properties"]
        assert {name: value["default"] for name, value in offered.items()} == dict(values)
        # In a study that extends another, the default is the value of the other.
        changed, _ = definitions[f"{space}Changes"]["properties"]["baseline"]["anyOf"]
        assert set(changed["properties"]) == set(values)
        assert not any("default" in value for value in changed["properties"].values())


def test_editors_are_offered_the_same_keys_in_a_study_that_extends() -> None:
    definitions = json.loads(schema_text())["$defs"]
    assert list(definitions["study"]["properties"]) == ["study", "title", EXTENDS, *list(Study.model_fields)[2:]]
    assert set(definitions["extendingStudy"]["properties"]) == set(definitions["study"]["properties"])


def test_the_page_has_every_section_key_and_factor() -> None:
    page = page_text()
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    sections = ["data", "protocol", "pool", "scoring", "metrics", "search", "proxies", "landscape", "features"]
    sections += ["standalone"]
    systems = ["random_nas", "spos", "fairnas", "enas", "nao", "darts", "snas", "gdas", "fbnet"]
    systems += ["proxylessnas", "pc_darts", "robust_darts", "xnas", "gaea"]
    sections += ["searches", *(f"searches.{name}" for name in systems)]
    spaces = ["spaces.{space}", *(f"spaces.{{space}}.{part}" for part in ("truth", "baseline", "sweep"))]
    assert headings == [
        "## Studies that extend another",
        "## Top level",
        *(f"## `{name}`" for name in sections + spaces),
        "## Factors",
    ]
    for name in sections:
        text = page.partition(f"## `{name}`\n")[2].partition("\n## ")[0]
        keys = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
        outer, _, inner = name.partition(".")
        annotation = (Searches if inner else Study).model_fields[inner or outer].annotation
        # A section that may be left out is a union with None.
        model = next(iter(get_args(annotation)), annotation)
        assert model is not None and keys == list(model.model_fields)
    factors = page.partition("## Factors\n")[2]
    assert all(f"| `{name}` |" in factors for name in FACTORS)
    row = next(line for line in factors.splitlines() if "| `path_sampling` |" in line)
    assert row.endswith(
        "| random_a; random_a, random_nas, fairnas | random_a; random_a, fairnas | random_a; random_a, fairnas |"
    )


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    tables = [line.replace("\\|", "") for line in page_text().splitlines() if line.startswith("|")]
    head = 0
    for line, following in zip(tables, [*tables[1:], ""], strict=True):
        if following.startswith("|---"):
            head = line.count("|")
        assert line.count("|") == head


def _rows(text: str) -> dict[str, list[str]]:
    """Return the cells after the factor's name, by factor, of the first table of a text."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|") and "`" in line]
    found = {}
    for cells in lines:
        position = next(i for i, cell in enumerate(cells) if "`" in cell)
        found.setdefault(cells[position].strip(" `"), [cell.strip() for cell in cells[position + 1 :]])
    return found


def test_every_factor_has_a_row_and_every_gap_a_reason() -> None:
    rows = _rows(coverage_text([]).partition("## What each study")[0])
    assert list(rows) == list(FACTORS)
    for name, factor in FACTORS.items():
        for cell, space in zip(rows[name][1:], SPACES, strict=True):
            if space in factor.spaces:
                assert cell.startswith(f"**{BASELINES[space][name]}**")
            else:
                assert cell == f"– {factor.absent[space]}"  # noqa: RUF001
    assert all(set(factor.absent) < set(SPACES) for factor in FACTORS.values())


def test_the_page_tells_what_each_study_file_sweeps() -> None:
    page = coverage_text(STUDIES)
    for space in SPACES:
        rows = _rows(page.partition(f"### {space}\n")[2].partition("\n### ")[0])
        assert rows.pop("factor", None) is None
        for column, path in enumerate(STUDIES):
            written = StudyFile.read(path).data["spaces"].get(space)
            for name in (factor.name for factor in factors_of(space)):
                cell = rows[name][column]
                if written is None:
                    assert cell == ""
                    continue
                baseline = (written.get("baseline") or {}).get(name, BASELINES[space][name])
                swept = (written.get("sweep") or {}).get(name, [])
                values = SWEEPS[space][name] if swept == "paper" else swept
                shown = cell.split(" → ")
                assert shown[0] == str(baseline)
                assert set(", ".join(shown[1:]).split(", ")) - {""} == {str(v) for v in values if v != baseline}
