"""Studies that extend another in the plan: what `supernet plan` prints, and changes of the parent."""

from pathlib import Path

import pytest
from attacks.study import STUDY
from checkouts import ROOT

from supernet.audit.expected import expected
from supernet.pipeline.files import StudyFiles
from supernet.pipeline.inherited import LONGEST, inherited_lines
from supernet.pipeline.plan import Plan

PARENT = f"""\
{STUDY.replace("study: one", "study: parent").replace("title: One space", "title: The parent")}\
  darts:
    truth: {{channels: 8, layers: 3, epochs: 2, train_portion: 0.75}}
    baseline: {{channels: 8, layers: 3, epochs: 4, train_portion: 0.75}}
    seeds: [0]
"""
CHILD = "study: child\ntitle: The child\nextends: parent\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which has the parent."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parent.yaml").write_text(PARENT)
    return tmp_path


def lines(text: str, limit: int | None = None) -> list[str]:
    Path("child.yaml").write_text(CHILD + text)
    return list(inherited_lines(Path("child.yaml"), ROOT, limit))


class TestPrinted:
    def test_old_and_new_values_with_defaults(self, folder: Path) -> None:
        text = """
seed: 3
data: {crop_padding: 1}
pool: {size: 12}
landscape: {}
spaces:
  darts: null
  nasbench201: {sweep: {learning_rate: null, epochs: [2]}, baseline: {learning_rate: 0.025, weight_decay: 0.0001}}
"""
        head, *found = lines(text)
        assert head == "\nchild extends parent and changes 7 of its values:"
        assert [line.strip() for line in found[:2]] == ["seed: 0 → 3", "data.crop_padding: 4 → 1"]
        assert found[2].startswith("  landscape: null → {grid: 21, images: 512, paths: 8}")
        assert {line.strip() for line in found[3:]} == {
            "spaces.nasbench201.baseline.weight_decay: 0.003 → 0.0001",
            "spaces.nasbench201.sweep.learning_rate: [0.1] → null",
            "spaces.nasbench201.sweep.epochs: null → [2]",
            found[-1].strip(),
        }
        assert found[-1].startswith("  spaces.darts: {published: null") and found[-1].endswith("… → null")
        assert len(found[-1]) < LONGEST + 40

    def test_values_equal_to_the_parents_are_no_change(self, folder: Path) -> None:
        assert lines("seed: 0\npool: {size: 12, law: uniform}\n") == [
            "\nchild extends parent and changes 0 of its values."
        ]

    def test_the_first_values_only(self, folder: Path) -> None:
        assert lines("seed: 1\npool: {size: 9, shards: 3}\n", 2) == [
            "\nchild extends parent and changes 3 of its values:",
            "  seed: 0 → 1",
            "  pool.size: 12 → 9",
            "  … and 1 more (--all)",
        ]

    def test_a_chain_and_a_parent_that_is_not_complete(self, folder: Path) -> None:
        Path("middle.yaml").write_text("extends: parent\npool: {size: 2}\n")
        Path("child.yaml").write_text(CHILD.replace("parent", "middle") + "pool: {size: 9, shards: 3}\n")
        assert list(inherited_lines(Path("child.yaml"), ROOT, None)) == [
            "\nchild extends middle extends parent and changes 2 of its values:",
            "  pool.size: 2 → 9",
            "  pool.shards: null → 3",
        ]

    def test_nothing_for_a_study_that_extends_none(self, folder: Path) -> None:
        assert list(inherited_lines(Path("parent.yaml"), ROOT, None)) == []
        assert list(inherited_lines(ROOT / "workflow" / "studies" / "mini.yaml", ROOT, None)) == []


def _parameters() -> list[str]:
    """Return what rules and audit get of the study: files, configs of all jobs, and params of rules."""
    plan = Plan.load({"study": "child.yaml"}, ROOT)
    files = StudyFiles(plan)
    return [
        *map(str, expected(plan)),
        plan.metrics(),
        plan.paper(),
        *map(str, (files.scores, files.summaries, files.all_pools)),
    ]


CHANGES = {
    "an inherited value": ("epochs: 4", "epochs: 5"),
    "a swept value": ("[0.1]", "[0.1, 0.2]"),
    "an option of metrics": ("pool:", "metrics: {top: 4}\npool:"),
    "the size of the pool": ("size: 12", "size: 13"),
    "a space": ("  darts:", "  nasbench101:"),
}


@pytest.mark.parametrize(("old", "new"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_the_parent_is_the_change_of_a_whole_study(folder: Path, old: str, new: str) -> None:
    """Snakemake, audit and plan see a study only through these values, which are those of the merged study."""
    whole = PARENT.replace("study: parent", "study: child").replace("title: The parent", "title: The child")
    found = []
    for change in (False, True):
        for parent, child in ((PARENT, CHILD), (PARENT, whole)):
            edited = [text.replace(old, new) if change else text for text in (parent, child)]
            Path("parent.yaml").write_text(edited[0])
            Path("child.yaml").write_text(edited[1])
            found.append(_parameters())
    extending, written_out, extending_changed, written_out_changed = found
    assert extending == written_out
    assert extending_changed == written_out_changed != extending


def test_a_name_is_looked_up_in_the_checkout_whose_workflow_runs(folder: Path) -> None:
    """A module of another workflow may be a checkout with other studies than the package."""
    (folder / "other" / "workflow" / "studies").mkdir(parents=True)
    (folder / "other" / "workflow" / "studies" / "known.yaml").write_text(PARENT)
    Path("child.yaml").write_text(CHILD.replace("parent", "known"))
    assert list(Plan.load({"study": "child.yaml"}, folder / "other").study.spaces) == ["nasbench201", "darts"]
