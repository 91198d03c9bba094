"""config.yaml and --config: names that are not text, the home folder, folders that cannot exist."""

from pathlib import Path

import pytest

from supernet.config.validation import read_as
from supernet.errors import UserError
from supernet.pipeline.workflow_config import WorkflowConfig, expect_folder, expect_one_config, expect_writable

TEXT = ["mini", "cifar10-jpeg", "x007", "1.2.3", "a1e3", "./2024", "/data/7", "~/results", "v1_0"]
NUMBERS = ["2024_01", "007", "1e3", "nan", "inf", "-3", "0x1F"]
OTHER = [*NUMBERS, "2024-01-01", "true", "no", "null", "~", "a: b", "a #b", ""]


@pytest.mark.parametrize("text", TEXT)
def test_text_is_read_as_text(text: str) -> None:
    assert read_as(text) == ""


@pytest.mark.parametrize("text", OTHER)
def test_what_yaml_or_snakemake_read_as_something_else(text: str) -> None:
    assert read_as(text)


@pytest.mark.parametrize("key", ["study", "results", "resources", "state"])
@pytest.mark.parametrize("value", ["007", 7, "1e3", True])
def test_names_of_studies_and_folders_are_text(key: str, value: object) -> None:
    with pytest.raises(
        UserError, match=f"config.yaml or --config: {key}: found .* to YAML or Snakemake: expected a name"
    ):
        WorkflowConfig.check({"study": "mini", key: value})


def test_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    found = WorkflowConfig.check({"study": "~/a.yaml", "results": "~/r", "state": "~", "mirror": "~/m"})
    assert (found.study, found.study_name, found.mirror) == ("/home/me/a.yaml", "a", "/home/me/m")
    assert (found.results_of("a"), found.state_of("a")) == ("/home/me/r/a", "/home/me/a")
    with pytest.raises(UserError, match=r"results: .*found an unknown user"):
        WorkflowConfig.check({"study": "mini", "results": "~nobody-of-this-name/r"})


def test_folders_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    expect_folder(tmp_path / "new" / "newer")
    for folder in (tmp_path / "file", tmp_path / "file" / "results" / "mini"):
        with pytest.raises(UserError, match=r"file is not a folder: move it away, or choose another"):
            expect_folder(folder)


def test_folders_that_are_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_writable(tmp_path / "new")
    # Tests may run as root, who may write everywhere.
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(UserError, match="is not writable for this user: change its permissions"):
        expect_writable(tmp_path / "new" / "newer")


@pytest.mark.parametrize("second", [["--config", "a=1"], ["--config=a=1"], ["-C", "a=1"]])
def test_a_second_config_is_refused(second: list[str]) -> None:
    command = ["snakemake", "--cores", "2", "--config", "study=mini", "results=r", "--configfile", "x.yaml"]
    expect_one_config(command)
    with pytest.raises(UserError, match="--config: found 2 of them, of which Snakemake would take the last; write all"):
        expect_one_config([*command, *second])
