"""Pools of different sizes in the spaces of one study."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from checkouts import ROOT

from supernet.errors import UserError
from supernet.paper.captions import pool_sizes
from supernet.pipeline.plan import Plan

FILE = ROOT / "workflow" / "studies" / "real-smoke.yaml"


def plan(folder: Path, **changes: Any) -> Plan:
    """Load a study of four spaces with published accuracies whose keys are changed."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    for key, value in changes.items():
        content[key] = {**content.get(key, {}), **value}
    file = folder / "sizes.yaml"
    file.write_text(yaml.safe_dump({**content, "study": "sizes"}))
    return Plan.load({"study": str(file), "resources": str(folder)}, ROOT)


def test_each_space_has_its_size_and_the_others_the_common_one(tmp_path: Path) -> None:
    found = plan(tmp_path, pool={"size": 40, "sizes": {"nasbench201": "all", "macro": 90}})
    choices = {pool: found.pool_choice(pool)["size"] for pool in found.pools}
    assert choices == {"nasbench101": 40, "nasbench201": "all", "darts": 40, "macro": 90}
    assert found.pool_size("nasbench201").architectures == 15_625 and found.pool_size("macro").architectures == 90
    assert found.study.scorable(found.study.main_pool("nasbench201")) == 15_625
    text = pool_sizes(found.study)
    assert "NASBench-101: 40 architectures" in text and "NASBench-201: every architecture of a published" in text


def test_one_size_is_said_once(tmp_path: Path) -> None:
    assert pool_sizes(plan(tmp_path, pool={"size": 40}).study) == "40 architectures per space"
    equal = plan(
        tmp_path, pool={"size": 50, "sizes": dict.fromkeys(("nasbench101", "nasbench201", "darts", "macro"), 40)}
    )
    assert pool_sizes(equal.study) == "40 architectures per space"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pool": {"sizes": {"nasbench301": 40}}}, r"pool\.sizes\.nasbench301: found 40; the study does not have"),
        (
            {"pool": {"sizes": {"darts": 2}}},
            r"pool\.sizes\.darts: found 2; should be `all`, or an integer of at least 3",
        ),
        ({"pool": {"size": 40, "sizes": {"darts": 5}}, "metrics": {"top": 6}}, "the pool has 5 architectures: at most"),
        ({"pool": {"size": 40, "sizes": {"macro": 7_000}}}, r"pool\.sizes\.macro: .*macro has 6561 architectures"),
        ({"pool": {"size": 40, "sizes": {"macro": "all"}, "shards": 2}}, "no effect while the size of a pool is all"),
    ],
)
def test_mistakes_name_the_size(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan(tmp_path, **changes)
