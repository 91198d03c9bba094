"""Files of a study by kind: every kind that a table may declare has a list, and the lists are those of the study."""

from typing import get_args

import pytest
from checkouts import ROOT

from supernet.audit.expected import expected, requested
from supernet.config.artifacts import Kind
from supernet.pipeline.files import StudyFiles
from supernet.pipeline.plan import Plan


@pytest.mark.parametrize("study", ["mini", "midi", "cifar10"])
def test_every_kind_lists_results_that_the_study_should_have(study: str) -> None:
    plan = Plan.load({"study": study}, ROOT)
    files = StudyFiles(plan)
    known = {one.path for one in (*expected(plan), *requested(plan))}
    for kind in get_args(Kind):
        found = files.of((kind,), plan.runs)
        assert len(set(found)) == len(found) and set(found) <= known, kind
    assert set(files.all_pools) >= set(files.pools)
    assert len(files.scores) == len(files.summaries) == len(plan.runs)


def test_timings_are_those_of_the_runs_that_are_given() -> None:
    plan = Plan.load({"study": "mini"}, ROOT)
    run = plan.runs[0]
    files = plan.artifacts.run(*run)
    assert StudyFiles(plan).of(("run_timings",), [run]) == [files.timing, files.scores_timing]
    assert StudyFiles(plan).of(("run_timings",)) == []
