"""What a command line plans: a second `--config`, the profiles' study, and the study of config.yaml."""

import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import copy_checkout

SMOKE = "tests/studies/smoke.yaml"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("launch"))


def ran(checkout: Path, *arguments: str) -> tuple[int, str]:
    """Run a module of Python in the checkout; returns its exit code and everything that it printed."""
    command = [sys.executable, "-m", *arguments]
    found = subprocess.run(command, cwd=checkout, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return found.returncode, found.stdout + found.stderr


def test_options_after_the_dashes_keep_the_study(checkout: Path) -> None:
    code, text = ran(checkout, "supernet", "run", "--study", SMOKE, "--", "-n", "--config", "device=cpu", "state=there")
    assert code == 0 and "Metrics of all runs of study smoke" in text, text
    assert (checkout / "there" / "smoke" / "run.log").exists()


def test_a_profile_keeps_its_study_with_other_config(checkout: Path) -> None:
    _, text = ran(checkout, "snakemake", "--profile", "profiles/pbs", "-n", "all", "--config", "mirror=/tmp")
    assert "Metrics of all runs of study paper" in text, text


def test_snakemake_is_refused_with_two_configs(checkout: Path) -> None:
    code, text = ran(
        checkout, "snakemake", "-n", "--cores", "1", "--config", f"study={SMOKE}", "--config", "device=cpu"
    )
    assert code != 0 and "--config: found 2 of them" in text and "Traceback" not in text, text


def test_results_below_a_file_are_refused_in_one_line(checkout: Path) -> None:
    (checkout / "file").write_text("")
    code, text = ran(checkout, "snakemake", "-n", "--cores", "1", "--config", f"study={SMOKE}", "results=file/below")
    assert code == 2 and "file is not a folder: move it away" in text and "Traceback" not in text, text


def test_make_takes_the_study_of_config_yaml(root: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("# A comment.\nstudy: midi  # the study\nresults: results\n")
    for given, option, report in (((), "", "midi"), (("STUDY=smoke",), "--study smoke", "smoke")):
        command = ["make", "--dry-run", "--file", str(root / "Makefile"), "run", "plan", "archive", "report", *given]
        text = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for name in ("run", "plan", "archive"):
            [line] = [line for line in text.splitlines() if f"supernet {name} " in f"{line} "]
            assert option in line and ("--study" in line) == bool(option), line
        assert f"--report results/{report}/report.html" in text
