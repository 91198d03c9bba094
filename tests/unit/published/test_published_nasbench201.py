"""NASBench-201: NASGraph's CSV files and NATS-Bench's archive."""

import bz2
import importlib.util
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from published_formats import nats_state, nats_tar, pickled_frame

from supernet.errors import UserError
from supernet.published.nasbench201 import nasgraph, nats, short
from supernet.published.schema import RUNS

HEADER = "file id,arch str,cfg name,C,N,train accuracy,validation accuracy,test accuracy"
FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
SECOND = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
needs_library = pytest.mark.skipif(
    importlib.util.find_spec("nats_bench") is None, reason="the archive is read with nats_bench"
)


def csv_file(folder: Path, *lines: str) -> Path:
    path = folder / "nasbench201_cifar10.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def test_csv_rows_are_exact_fractions(tmp_path: Path) -> None:
    """The numbers of two published rows, which are means of three runs in changing precision."""
    path = csv_file(
        tmp_path,
        f"0,{FIRST},infer.tiny,16,5,88.91866665852865,81.98266665690103,81.52",
        f"1,{SECOND},infer.tiny,16,5,99.98533333333334,90.76933332438152,90.51333333333332",
    )
    parsed = nasgraph.read(path, "cifar10")
    rows = parsed.rows.set_index("arch_id")
    assert list(rows.index) == [FIRST, SECOND] == rows["encoding"].tolist()
    assert rows["test_acc"].tolist() == [pytest.approx(0.8152, rel=1e-15), pytest.approx(27_154 / 30_000, rel=1e-15)]
    assert rows["valid_acc"].tolist() == [
        pytest.approx(61_487 / 75_000, rel=1e-15),
        pytest.approx(68_077 / 75_000, rel=1e-15),
    ]
    assert "half of the 50 000" in parsed.truth and parsed.epochs == 200
    assert rows["parameters"].isna().all() and rows[list(RUNS)].isna().all(axis=None)


def test_csv_truth_depends_on_the_data_set(tmp_path: Path) -> None:
    path = csv_file(tmp_path, f"0,{FIRST},infer.tiny,16,5,50.0,40.0,40.0")
    assert "half of the held-out images" in nasgraph.read(path, "cifar100").truth


def test_csv_with_an_architecture_that_is_none(tmp_path: Path) -> None:
    path = csv_file(tmp_path, f"0,{FIRST},a,16,5,1,1,1", "1,|conv~0|,a,16,5,1,1,1")
    with pytest.raises(UserError, match=r"cifar10\.csv:3: NASBench-201: "):
        nasgraph.read(path, "cifar10")


def test_csv_with_another_header(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"other\.csv:1: found the columns a, b; expected file id, arch str, "):
        nasgraph.read(path, "cifar10")


def archive(folder: Path, states: dict[int, Any], strings: tuple[str, ...] = (FIRST, SECOND)) -> Path:
    return nats_tar(folder / "NATS-tss-v1_0-3ffb9-simple.tar", strings, states)


def cifar10_state(text: str, index: int, tests: dict[int, float]) -> dict[str, Any]:
    """Results with one test accuracy per seed after training on everything, and two of the half."""
    whole = {("cifar10", seed): {"ori-test": test} for seed, test in tests.items()}
    half = {("cifar10-valid", seed): {"x-valid": valid, "ori-test": 1.0} for seed, valid in ((777, 80.0), (888, 81.0))}
    other = {("cifar100", 777): {"x-valid": 40.0, "x-test": 41.0, "ori-test": 40.5}}
    return nats_state(text, index, {**whole, **half, **other})


def both(**changes: Any) -> dict[int, Any]:
    first = cifar10_state(FIRST, 0, {777: 90.0, 888: 90.01, 999: 90.03})
    second = cifar10_state(SECOND, 1, {777: 93.5, 999: 93.7})
    return {0: first, 1: second, **changes}


@needs_library
class TestArchive:
    def test_rows_by_seed(self, tmp_path: Path) -> None:
        parsed = nats.read(archive(tmp_path, both()), "cifar10")
        rows = parsed.rows.set_index("arch_id")
        assert list(rows.index) == [FIRST, SECOND] == rows["encoding"].tolist()
        assert rows["test_acc"].tolist() == [
            pytest.approx(27_004 / 30_000, rel=1e-15),
            pytest.approx(0.936, rel=1e-15),
        ]
        assert rows.loc[FIRST, list(RUNS)].tolist() == pytest.approx([0.9, 0.9001, 0.9003], rel=1e-15)
        assert rows.loc[SECOND, list(RUNS)].tolist() == pytest.approx([0.935, np.nan, 0.937], rel=1e-15, nan_ok=True)
        assert rows["valid_acc"].tolist() == pytest.approx([0.805, 0.805], rel=1e-15)
        assert rows["parameters"].tolist() == [1_531_546] * 2
        assert "all 50 000 training images" in parsed.truth and parsed.entries == 2

    def test_other_data_sets(self, tmp_path: Path) -> None:
        rows = nats.read(archive(tmp_path, both()), "cifar100").rows
        assert rows["test_acc"].tolist() == pytest.approx([0.41, 0.41], rel=1e-15)
        assert rows["valid_acc"].tolist() == pytest.approx([0.4, 0.4], rel=1e-15)

    @pytest.mark.parametrize(
        ("states", "message"),
        [
            ({0: both()[0]}, "1 of 2 architectures are missing, the first is number 1"),
            ({**both(), 1: b"not a pickle"}, r"000001\.pickle\.pbz2: not a pickle"),
            ({**both(), 1: pickle.dumps({"12": {}})}, "architecture 1 has no results of 200 epochs"),
            ({**both(), 1: pickle.dumps({"200": {}})}, r"architecture 1 has no results of 200 epochs .*dataset_seed"),
            (
                {**both(), 1: cifar10_state(SECOND, 1, {111: 90.0})},
                r"architecture 1: found the seeds \[111\]; expected some of \(777, 888, 999\)",
            ),
            (
                {**both(), 1: nats_state(SECOND, 1, {("cifar10", 777): {"ori-test": 90.0}})},
                "architecture 1 has no results on cifar10-valid",
            ),
        ],
        ids=["missing", "damaged", "epochs", "empty", "seed", "half"],
    )
    def test_archives_that_are_not_whole(self, tmp_path: Path, states: dict[int, Any], message: str) -> None:
        with pytest.raises(UserError, match=message):
            nats.read(archive(tmp_path, states), "cifar10")

    def test_pickle_that_is_not_compressed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bz2, "compress", lambda content: content)
        path = archive(tmp_path, both())
        with pytest.raises(UserError, match=r"meta\.pickle\.pbz2 cannot be unpacked"):
            nats.read(path, "cifar10")

    def test_cut_pickle(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = bz2.compress
        monkeypatch.setattr(bz2, "compress", lambda content: whole(content)[:-20])
        path = archive(tmp_path, both())
        with pytest.raises(UserError, match=r"meta\.pickle\.pbz2 is cut"):
            nats.read(path, "cifar10")

    def test_pickle_bomb(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nats, "MAX_BYTES", 5_000_000)
        path = archive(tmp_path, {**both(), 1: b"\0" * 5_000_001})
        with pytest.raises(UserError, match=r"000001\.pickle\.pbz2 is cut, or unpacks to more than"):
            nats.read(path, "cifar10")

    def test_a_result_is_not_the_name_of_a_file(self, tmp_path: Path) -> None:
        """The library unpickles the file that a text in place of a result names."""
        (tmp_path / "run").write_bytes(bz2.compress(b"cos\nsystem\n(S'touch pwned'\ntR."))
        state = both()[1]
        state["all_results"]["cifar10", 777] = str(tmp_path / "run")
        with pytest.raises(UserError, match=r"architecture 1 has no results .*a result that is not a dictionary"):
            nats.read(archive(tmp_path, {**both(), 1: state}), "cifar10")

    def test_pickle_that_runs_code_is_refused(self, tmp_path: Path) -> None:
        class Attack:
            def __reduce__(self) -> tuple[Any, ...]:
                return os.mkdir, (str(tmp_path / "ran"),)

        path = archive(tmp_path, {**both(), 1: pickle.dumps(Attack())})
        with pytest.raises(UserError, match=r"000001\.pickle\.pbz2: refers to \w+\.mkdir"):
            nats.read(path, "cifar10")
        assert not (tmp_path / "ran").exists()

    def test_archive_of_something_else(self, tmp_path: Path) -> None:
        path = tmp_path / "other.tar"
        path.write_text("no archive")
        with pytest.raises(UserError, match=r"other\.tar: "):
            nats.read(path, "cifar10")


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(UserError, match=r"nats_bench is not installed, .* install nats_bench==1\.8, or fetch another"):
        nats.read(archive(tmp_path, both()), "cifar10")


FRAME: dict[str, Any] = {
    "cellstr": [FIRST, SECOND],
    "cifar10-test": [69.55, 88.22],
    "cifar10-val": [63.36399998, 82.83399999],
    "cifar100-test": [31.25999996, 58.25999996],
    "cifar100-val": [31.84, 57.79999997],
    "imagenet-test": [16.99999997, 33.80000003],
    "imagenet-val": [18.46666666, 35.43333335],
}
"""The first two rows of the published file."""


@pytest.mark.parametrize(
    ("dataset", "test", "valid"),
    [
        ("cifar10", [6_955 / 10_000, 8_822 / 10_000], [15_841 / 25_000, 20_708.5 / 25_000]),
        ("cifar100", [1_563 / 5_000, 2_913 / 5_000], [1_592 / 5_000, 2_890 / 5_000]),
        ("imagenet16-120", [510 / 3_000, 1_014 / 3_000], [554 / 3_000, 1_063 / 3_000]),
    ],
)
def test_short_trainings_in_both_forms(tmp_path: Path, dataset: str, test: list[float], valid: list[float]) -> None:
    official, mirrored = tmp_path / "frame.pd", tmp_path / "mirror.parquet"
    official.write_bytes(pickled_frame(FRAME))
    names = {
        "cellstr": "arch_str",
        "cifar10-test": "cifar10_test_acc_12",
        "cifar10-val": "cifar10_valid_acc_12",
        "cifar100-test": "cifar100_test_acc_12",
        "imagenet-test": "imagenet16_test_acc_12",
    }
    pd.DataFrame(FRAME)[list(names)].rename(columns=names).to_parquet(mirrored)
    parsed = short.read_frame(official, dataset)
    rows = parsed.rows.set_index("arch_id").loc[[FIRST, SECOND]]
    assert rows["test_acc"].tolist() == rows[RUNS[0]].tolist() == test and parsed.epochs == 12
    assert rows["valid_acc"].tolist() == pytest.approx(valid, abs=1e-9)
    other = short.read_mirror(mirrored, dataset).rows
    unknown = {} if dataset == "cifar10" else {"valid_acc": np.nan}
    pd.testing.assert_frame_equal(parsed.rows.assign(**unknown), other)


def test_short_trainings_that_are_not_expected(tmp_path: Path) -> None:
    path = tmp_path / "frame.pd"
    for changed, message in (
        ({"cellstr": [FIRST, "a"]}, "found 'a'|'a'"),
        ({"cellstr": [FIRST, FIRST]}, "repeat an architecture"),
        ({"cifar10-test": [169.0, 1.0]}, "expected a fraction"),
        ({"cifar10-test": ["x", "y"]}, "not a number|not numbers|frame"),
    ):
        path.write_bytes(pickled_frame({**FRAME, **changed}))
        with pytest.raises(UserError, match=message):
            short.read_frame(path, "cifar10")
    with pytest.raises(UserError, match="found the data set 'svhn'; expected one of cifar10, cifar100"):
        short.read_frame(path, "svhn")
