"""Hostile names, secrets and dangerous calls: no text of a config is executed, and no secret is written."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from checkouts import ROOT, copy_checkout
from http_server import Server, redirect, whole
from hypothesis import assume, given
from hypothesis import strategies as st

from supernet.download.credentials import separate
from supernet.download.fetch import UnavailableError, fetch
from supernet.download.sources import File
from supernet.errors import UserError
from supernet.pipeline.plan import Plan

HOSTILE = 'it\'s "a"; touch pwned $(touch pwned) `touch pwned` \\ * & | > pwned\n#\ttouch pwned\ntouch pwned\n'
"""A folder's name that runs a command wherever it reaches a shell unquoted, in single or in double quotes."""
SMOKE = "tests/studies/smoke.yaml"
PASSWORD = "hunter2-in-a-test"


def snakemake(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder, capture_output=True, text=True, env={**os.environ, **environment},
    )  # fmt: skip


def intruders(folder: Path) -> list[Path]:
    """Return the files that only a command inside a name could have made."""
    return [path for path in folder.rglob("*") if path.name.startswith("pwned")]


def test_a_workflow_in_hostile_folders_runs_and_runs_nothing_else(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / HOSTILE)
    study = checkout / f"my {HOSTILE}" / "smoke.yaml"
    study.parent.mkdir()
    study.write_bytes((checkout / SMOKE).read_bytes())
    folders = {key: f"{key} {HOSTILE}" for key in ("results", "resources", "state", "mirror")}
    (checkout / folders["mirror"]).mkdir()
    config = {"study": str(study), **folders, "checkpoint_seconds": 30, "device": "cpu"}
    (checkout / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    result = f"{folders['results']}/smoke/runs/nasbench201/baseline/seed0/scores.parquet"
    ran = snakemake(checkout, result, "table_factors")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    for name in (result, f"{result}.prov.json", f"{folders['results']}/smoke/tables/factors.csv"):
        assert (checkout / name).exists()
    audited = snakemake(checkout, "audit")
    assert "broken" in audited.stdout + audited.stderr, "most of the study is missing"
    assert intruders(tmp_path) == []


def test_a_hostile_setting_is_not_a_run(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path)
    name = "results/smoke/runs/nasbench201/x; touch pwned/seed0/scores.parquet"
    ran = snakemake(checkout, "--config", f"study={SMOKE}", "--", name)
    assert ran.returncode != 0
    assert "nasbench201 has no setting 'x; touch pwned'" in ran.stdout + ran.stderr
    assert intruders(checkout) == [] and not (checkout / "results").exists()


@given(st.text())
def test_no_other_text_is_a_setting(setting: str) -> None:
    plan = Plan.load({"study": SMOKE}, ROOT)
    assume(setting not in plan.study.settings("nasbench201"))
    with pytest.raises(UserError, match="has no setting"):
        plan.run("nasbench201", setting, "0")


@pytest.mark.parametrize("key", ["study", "results", "resources", "state"])
def test_braces_in_folders_are_refused(key: str) -> None:
    with pytest.raises(UserError, match=f"{key}: found 'a{{b}}'; braces mark wildcards"):
        Plan.load({"study": SMOKE, key: "a{b}"}, ROOT)


def test_braces_in_the_checkouts_own_path_are_refused() -> None:
    with pytest.raises(UserError, match=r"/some/\{x\}: braces mark wildcards"):
        Plan.load({"study": SMOKE}, Path("/some/{x}"))


@pytest.mark.parametrize("device", ["cpu; touch pwned", "cuda:0\n", "$(touch pwned)", "cuda:0 x"])
def test_the_device_is_one_of_few_words(device: str) -> None:
    with pytest.raises(UserError, match="device: found"):
        Plan.load({"study": SMOKE, "device": device}, ROOT)


def test_a_password_in_the_config_is_refused_and_not_shown() -> None:
    with pytest.raises(UserError, match="SUPERNET_MIRROR") as caught:
        Plan.load({"study": SMOKE, "mirror": f"https://me:{PASSWORD}@host/"}, ROOT)
    assert PASSWORD not in str(caught.value)


def written(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


def test_secrets_of_the_environment_are_nowhere(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path)
    with Server() as server:
        mirror = server.address.replace("//", f"//me:{PASSWORD}@")
        secrets = {"SUPERNET_MIRROR": mirror, "MY_TOKEN": PASSWORD, "AWS_SECRET_ACCESS_KEY": PASSWORD}
        failed = snakemake(checkout, "--verbose", "--printshellcmds", "--config", "study=cifar10-jpeg", "--",
                           "resources/data/cifar10-jpeg.safetensors", **secrets)  # fmt: skip
        asked = server.headers("/datasets/cifar10-jpeg-train.parquet")
    assert failed.returncode != 0 and "could not be fetched" in failed.stdout + failed.stderr
    assert asked and basic("me", PASSWORD) == asked[0]["Authorization"], "the mirror was asked with the password"
    made = snakemake(checkout, "--verbose", "--printshellcmds", "--config", f"study={SMOKE}", "--",
                     "results/smoke/drawn/nasbench201.parquet", **secrets)  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
    assert (checkout / "results/smoke/drawn/nasbench201.parquet.prov.json").exists()
    assert PASSWORD not in failed.stdout + failed.stderr + made.stdout + made.stderr
    tokens = [PASSWORD.encode(), basic("me", PASSWORD).partition(" ")[2].encode()]
    assert [path for path, content in written(checkout) if any(token in content for token in tokens)] == []


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


TEXT = st.text(st.characters(codec="utf-8", exclude_characters=":/?#[]@%\t\r\n", exclude_categories=["Cc", "Cs", "Zs"]),
               min_size=1)  # fmt: skip


@given(TEXT, TEXT)
def test_credentials_are_separated(name: str, password: str) -> None:
    address, headers = separate(f"https://{name}:{password}@example.org:8080/a/b?c#d")
    assert address == "https://example.org:8080/a/b?c#d"
    assert headers == {"Authorization": basic(name, password)}


@pytest.mark.parametrize("address", ["https://example.org/a@b", "/a folder/of@mine", "relative", ""])
def test_what_has_no_credentials_stays(address: str) -> None:
    assert separate(address) == (address, {})


def test_percent_signs_of_credentials_are_decoded() -> None:
    assert separate("http://me%40home:a%3Ab@host/x")[1] == {"Authorization": basic("me@home", "a:b")}


def test_a_mirrors_password_is_kept_from_other_hosts_and_from_files(tmp_path: Path) -> None:
    with Server() as server, Server() as other:
        # Another name of this machine counts as another host.
        elsewhere = other.serve("/there", whole(b"content")).replace("127.0.0.1", "localhost")
        server.serve("/some.bin", redirect(elsewhere))
        mirror = server.address.replace("//", f"//me:{PASSWORD}@")
        lines: list[str] = []
        file = File.model_validate(
            {
                "path": "some.bin",
                "title": "some",
                "licence": "none",
                "source": "a test",
                "manual": "ask",
                "max_size": 100,
            }
        )
        found = fetch(file, tmp_path / "downloads", mirror, tmp_path / "lock.json", lines.append)
        assert found.path.read_bytes() == b"content"
        assert server.headers("/some.bin")[0]["Authorization"] == basic("me", PASSWORD)
        assert all("Authorization" not in headers for headers in other.headers("/there"))
        with pytest.raises(UnavailableError) as caught:
            fetch(file.model_copy(update={"path": "not.bin"}), tmp_path / "downloads", mirror, tmp_path / "lock.json",
                  lines.append)  # fmt: skip
    texts = [
        found.origin,
        str(caught.value),
        *lines,
        *(path.read_text() for path in tmp_path.rglob("*") if path.is_file()),
    ]
    assert not [text for text in texts if PASSWORD in text or "me:" in text]


DANGEROUS = {
    "S301": "import pickle\npickle.load(open('x', 'rb'))\n",
    "S307": "eval(input())\n",
    "S102": "exec(input())\n",
    "S506": "import yaml\nyaml.load(open('x'))\n",
    "S602": "import subprocess\nsubprocess.run('ls ' + input(), shell=True)\n",
    "S605": "import os\nos.system('ls ' + input())\n",
    "S202": "import tarfile\ntarfile.open('x').extractall()\n",
    "S701": "import jinja2\njinja2.Environment(autoescape=False)\n",
    "S501": "import requests\nrequests.get('https://x', verify=False, timeout=1)\n",
    "S113": "import requests\nrequests.get('https://x')\n",
}
"""Calls that run or unpack what files and users say, by the rule of ruff that finds each."""
BANNED = (
    "import torch\ntorch.load('x', weights_only=False)\n",
    "from torch import load\n",
    "import numpy as np\nnp.load('x')\n",
    "import pandas as pd\npd.read_pickle('x')\n",
    "import torch\ntorch.save({}, 'x')\n",
)


@pytest.mark.parametrize(("rule", "code"), [*DANGEROUS.items(), *(("TID251", code) for code in BANNED)])
def test_the_linter_finds_dangerous_calls(rule: str, code: str) -> None:
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--output-format",
        "json",
        "--stdin-filename",
        "supernet/x.py",
        "-",
    ]
    ran = subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True)
    assert rule in {finding["code"] for finding in json.loads(ran.stdout)}


def test_no_line_is_excepted_from_these_rules() -> None:
    files = [path for folder in ("supernet", "scripts", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 150
    assert [path for path in files if re.search(r"noqa(?::.*?\b(S\d{3}|TID251)|(?!:))", path.read_text("utf-8"))] == []
