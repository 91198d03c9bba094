"""Hostile names, secrets and dangerous calls: no text of a config is executed, and no secret is written."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

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


NAME = "".join(character for character in HOSTILE if character.isprintable())
"""The same for folders that config.yaml names, in which line breaks are refused."""
TITLE = (
    "</script><!-- <img src=x onerror=alert(1)> {id} {{7*7}} {wildcards.space} `x <javascript:alert(2)>`_ "
    "javascript:alert(3) |a|_ a@b.cd"
)
"""A title that becomes elements, links or wildcards wherever it is not escaped."""


class Elements(HTMLParser):
    """Collects the elements of a page that `TITLE` would start."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("img", "a") and any("javascript" in str(value) or name == "onerror" for name, value in attrs):
            self.found.append(self.get_starttag_text() or tag)


def embedded(report: str, name: str) -> Any:
    """Return the value of a JavaScript variable of Snakemake's report."""
    (value,) = re.findall(rf'^ *var {name} = ([{{"].+);$', report, re.MULTILINE)
    return json.loads(value)


def test_a_workflow_with_hostile_folders_and_title_runs_and_runs_nothing_else(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / HOSTILE)
    study = checkout / f"my {NAME}" / "smoke.yaml"
    study.parent.mkdir()
    text = (checkout / SMOKE).read_text(encoding="utf-8")
    study.write_text(re.sub("title: .*", f"title: {json.dumps(TITLE)}", text), encoding="utf-8")
    folders = {key: f"{key} {NAME}" for key in ("results", "resources", "state", "mirror")}
    (checkout / folders["mirror"]).mkdir()
    config = {"study": str(study.relative_to(checkout)), **folders, "checkpoint_seconds": 30, "device": "cpu"}
    (checkout / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    result = f"{folders['results']}/smoke/runs/nasbench201/baseline/seed0/scores.parquet"
    ran = snakemake(checkout, result, "table_factors")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    for name in (result, f"{result}.prov.json", f"{folders['results']}/smoke/tables/factors.csv"):
        assert (checkout / name).exists()
    reported = snakemake(checkout, "--report", "report.html", "table_factors")
    assert reported.returncode == 0, reported.stderr[-3000:]
    report = (checkout / "report.html").read_text(encoding="utf-8")
    results = embedded(report, "results")
    captions = [result["caption"] for result in results.values()]
    assert results and "alert(3)" in json.dumps(results), "the title is in the params"
    pages = [report, embedded(report, "workflow_desc"), *captions]
    assert [found for page in pages for found in Elements(page).found] == []
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


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a{b}", "braces mark wildcards"),
        ("a</script>", "`<` starts an element"),
        ("a\n.. raw:: html", "control characters do not fit"),
    ],
)
@pytest.mark.parametrize("key", ["study", "results", "resources", "state"])
def test_folders_that_rules_or_reports_cannot_hold_are_refused(key: str, name: str, reason: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"{key}: found {name!r}; {reason}")):
        Plan.load({"study": SMOKE, key: name}, ROOT)


@pytest.mark.parametrize("name", ["/some/{x}", "/some/<x>"])
def test_a_checkout_below_such_a_folder_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"^{name}: "):
        Plan.load({"study": SMOKE}, Path(name))


def test_a_config_with_a_duplicate_key_is_refused_before_snakemake_reads_it(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path)
    with (checkout / "config.yaml").open("a", encoding="utf-8") as stream:
        stream.write("device: cpu\n")
    ran = snakemake(checkout, "-n", "all")
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
    assert re.search(r"^config\.yaml:\d+: device: duplicate key \(first in line \d+\)$", ran.stderr, re.MULTILINE)


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
        found = fetch(file, tmp_path / "downloads", mirror, tmp_path / "lock.json", bytes, lines.append)
        assert found.path.read_bytes() == b"content"
        assert server.headers("/some.bin")[0]["Authorization"] == basic("me", PASSWORD)
        assert all("Authorization" not in headers for headers in other.headers("/there"))
        with pytest.raises(UnavailableError) as caught:
            fetch(file.model_copy(update={"path": "not.bin"}), tmp_path / "downloads", mirror, tmp_path / "lock.json",
                  bytes, lines.append)  # fmt: skip
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
