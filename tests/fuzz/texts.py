"""YAML files of users, and texts of architectures."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from checkouts import ROOT

from fuzz.mutations import either, mutated, odd, tree
from fuzz.target import Target
from supernet import spaces
from supernet.config.study import load_study
from supernet.config.yamlfile import YamlFile
from supernet.download.sources import load_sources
from supernet.pipeline.plan import Plan

EXTENDING = ROOT / "workflow" / "studies" / "cifar10-jpeg.yaml"
STUDIES = [*sorted((ROOT / "tests" / "studies").glob("*.yaml")), EXTENDING]
CONFIG = ROOT / "config.yaml"
SOURCES = ROOT / "workflow" / "sources.yaml"
YAML = tuple(
    b"[ ] { } : - , # & * ! | > ' \" % @ ` << <<: &a *a !!int !!float !!binary !!python/object:os.system --- ... ? ~ "
    b"null true 0x10 010 1:30 1e30 .nan .inf 2024-01-01 \\ \\u0000 \\ud800 \t \r\n "
    b"\xc2\x85 \xe2\x80\xa8 \xef\xbb\xbf".split(b" ")
)


def targets() -> list[Target]:
    """Return the targets of this module."""
    studies = [path.read_text(encoding="utf-8").replace(f"study: {path.stem}", "study: case") for path in STUDIES]
    return [
        Target("study file", _yaml(studies, "case", "mini", "../x.yaml"), _study, "case.yaml"),
        Target(
            "config.yaml", _yaml([CONFIG.read_text(encoding="utf-8")], "smoke", "tests/studies/smoke.yaml"), _config
        ),
        Target("sources.yaml", _yaml([SOURCES.read_text(encoding="utf-8")], "/", ".."), load_sources),
        *(_architectures(name) for name in spaces.KINDS),
    ]


def _yaml(texts: list[str], *extra: Any) -> Any:
    trees = [yaml.safe_load(text) for text in texts]

    def structured(rng: random.Random) -> bytes:
        text: str = yaml.safe_dump(tree(rng.choice(trees), rng, extra), allow_unicode=True)
        return text.encode("utf-8", "surrogatepass")

    return either(mutated([text.encode() for text in texts], YAML), structured)


def _study(path: Path) -> None:
    study = load_study(path)
    for space in study.spaces:
        study.settings(space)
    study.pools()
    study.landmarks()


def _config(path: Path) -> None:
    Plan.load(YamlFile.read(path).data, ROOT)


def _architectures(name: str) -> Target:
    space = spaces.load(name)
    drawn = [space.format(arch) for arch in space.sample(np.random.default_rng(0), count=30)]
    tokens = [operation.encode() for operation in space.operations] + [
        b"|",
        b"~",
        b"+",
        b"/",
        b":",
        b"range(2, 6)",
        b"(",
        b"[",
        b"-1",
    ]

    def structured(rng: random.Random) -> bytes:
        arch = space.choices_of(space.parse(rng.choice(drawn)))
        forms = [
            list(arch),
            {"matrix": [[0, 1], [0, 0]], "operations": ["input", "output"]},
            {"normal": [], "reduce": []},
        ]
        return json.dumps(tree(rng.choice(forms), rng, [odd(rng)])).encode()

    def read(path: Path) -> None:
        text = path.read_bytes().decode("utf-8", "replace")
        try:
            source = json.loads(text)
        except (ValueError, RecursionError):
            source = text
        arch = space.parse(source)
        if space.parse(space.format(arch)) != arch or not space.arch_id(arch):
            raise AssertionError("the text of an architecture is not its own")

    return Target(
        f"architectures of {name}", either(mutated([one.encode() for one in drawn], tokens), structured), read
    )
