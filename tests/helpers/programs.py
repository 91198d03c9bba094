"""Runs the programs of a small study in this process, in the order of the workflow and with their records.

A process per program would spend most of its time importing torch.
"""

import importlib
from pathlib import Path

from supernet.paper.catalogue import figure_names, table_names
from supernet.pipeline.files import StudyFiles
from supernet.pipeline.plan import Plan
from supernet.provenance.recorder import Recorder, recording

ROOT = Path(__file__).resolve().parents[2]


class Programs:
    """The programs of the study of a plan; results are files in the folders of the plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.paths, self.study = plan, plan.artifacts, plan.study
        self.images = self.paths.images(self.study.data.name)

    def run(self, name: str, *arguments: object) -> None:
        """Run a program with its record, as `supernet.runtime.program.run` does."""
        program = importlib.import_module(f"scripts.{name}")
        with recording(Recorder(ROOT / "scripts" / f"{name}.py")):
            program.main([str(argument) for argument in arguments])

    def all(self) -> None:
        """Run everything before the tables and figures."""
        self.data()
        self.pools()
        self.trainings()
        self.analyses()
        self.measures()

    def data(self) -> None:
        self.run(
            "data", "--name", self.study.data.name, "--output", self.images,
            "--sources", ROOT / "workflow" / "sources.yaml", "--downloads", self.paths.downloads,
            "--lock", self.paths.sources_lock,
        )  # fmt: skip

    def pools(self) -> None:
        # A pool is drawn after those whose architectures it must not have.
        for name in sorted(self.plan.pools, key=lambda name: len(self.plan.others(name))):
            pool, drawn = self.plan.pools[name], self.paths.drawn_pool(name)
            exclude = [self.paths.drawn_pool(other) for other in self.plan.others(name)]
            published = ("--table", *self.plan.tables(pool.space))
            self.run(
                "pool", *self.plan.pool_arguments(name).split(), "--exclude", *exclude, *published, "--output", drawn
            )  # fmt: skip
            shards = [shard for other, shard in self.plan.truth_shards if other == name]
            for shard in shards:
                self.run(
                    "truth", *self._common(self.plan.truth(pool.space), self.paths.truth(name, shard).timing),
                    "--pool", drawn, *self.plan.trainings(name).split(), "--shard", shard, "--shards", len(shards),
                    "--state", f"{self.plan.state}/truth/{name}/{shard}", "--store", self.paths.store,
                    "--output", self.paths.truth(name, shard).table,
                )  # fmt: skip
            tables = [self.paths.truth(name, shard).table for shard in shards]
            self.run(
                "pool_truth", "--space", pool.space, "--pool", drawn, "--trainings", *tables, *published,
                "--output", self.paths.pool(name),
            )  # fmt: skip

    def trainings(self) -> None:
        for space, setting, seed in self.plan.runs:
            files, landmarks = self.paths.run(space, setting, seed), self.plan.landmarks(space, setting)
            self.run(
                "train", *self._common(self.plan.run(space, setting, str(seed)), files.timing),
                "--landmarks", *([] if landmarks is None else [self.paths.pool(landmarks)]),
                "--curve", files.curve, "--weights", files.weights, "--summary", files.summary,
                "--task", "training", "--store", self.paths.store,
                "--state", f"{self.plan.state}/runs/{space}/{setting}/{seed}",
            )  # fmt: skip
            self.run(
                "score", *self._common(self.plan.scoring(space, setting, str(seed)), files.scores_timing),
                "--pool", self.paths.drawn_pool(self.plan.pool(space, setting, str(seed))),
                "--weights", files.weights, "--summary", files.summary, "--scores", files.scores,
                "--store", self.paths.store, "--task", "scoring",
            )  # fmt: skip

    def analyses(self) -> None:
        study = self.study
        for name in self.plan.proxied:
            files = self.paths.proxies(name)
            config = self.plan.proxies(self.plan.pools[name].space)
            self.run(
                "proxies", *self._common(config, files.timing), "--pool", self.paths.drawn_pool(name),
                "--output", files.table,
            )  # fmt: skip
        for space, seed in self.plan.searches:
            run, found = self.paths.run(space, "baseline", seed), self.paths.search(space, seed)
            pool = self.paths.pool(self.plan.pool(space, "baseline", str(seed)))
            self.run(
                "search", *self._common(self.plan.search(space, str(seed)), found.timing), "--pool", pool,
                "--table", *self.plan.tables(space),
                "--weights", run.weights, "--summary", run.summary, "--task", "search", "--store", self.paths.store,
                "--output", found.table, "--cost", found.cost,
            )  # fmt: skip
        for space, seed, part in self.plan.system_jobs:
            files = self.paths.systems(space, seed, part)
            self.run(
                "systems", *self._common(self.plan.systems(space, str(seed), str(part)), files.timing),
                "--pool", self.paths.pool(self.plan.pool(space, "baseline", str(seed))), "--task", "systems",
                "--store", self.paths.store,
                "--state", f"{self.plan.state}/systems/{space}/{seed}/{part}", "--output", files.table,
            )  # fmt: skip
        for space in study.landscape_spaces():
            files, first = self.paths.landscape(space), self.paths.run(*self.plan.first_runs(space)[0])
            self.run(
                "landscape", *self._common(self.plan.landscape(space), files.timing),
                "--pool", self.paths.pool(str(study.main_pool(space))), "--weights", first.weights,
                "--summary", first.summary, "--task", "landscape", "--state", f"{self.plan.state}/landscape/{space}",
                "--output", files.table,
            )  # fmt: skip
        for space in study.feature_spaces():
            files = self.paths.features(space)
            runs = [self.paths.run(*run) for run in self.plan.first_runs(space)]
            self.run(
                "features", *self._common(self.plan.features(space), files.timing),
                "--pool", self.paths.pool(str(study.main_pool(space))), "--landmarks",
                "--weights", *[run.weights for run in runs], "--summaries", *[run.summary for run in runs],
                "--task", "features", "--output", files.table,
            )  # fmt: skip

        for space in study.standalone_spaces():
            files = self.paths.standalone(space)
            self.run(
                "standalone", *self._common(self.plan.standalone(space), files.timing),
                "--pool", self.paths.drawn_pool(str(study.main_pool(space))),
                "--state", f"{self.plan.state}/standalone/{space}", "--task", "standalone", "--output", files.table,
            )  # fmt: skip

    def measures(self) -> None:
        paths = self.paths
        own = ("--study-file", self.plan.study_file, "--results", self.plan.results)
        proxies = [paths.proxies(name).table for name in self.plan.proxied]
        alone = [paths.standalone(space).table for space in self.study.standalone_spaces()]
        self.run(
            "metrics", *own, "--data", self.images, "--tables", *StudyFiles(self.plan).published,
            "--proxies", *proxies, "--standalone", *alone, "--metrics", paths.metrics,
            "--references", paths.references, "--spaces", paths.spaces,
        )  # fmt: skip
        contrasts = ("--contrasts", *self.plan.contrasts)
        self.run("effects", *own, "--output", paths.effects, "--halves", paths.halves, *contrasts)

    def table(self, name: str) -> None:
        self._draw("table", name, self.paths.table(name).stem)

    def figure(self, name: str) -> None:
        self._draw("figure", name, self.paths.figure(name).stem)

    @property
    def tables(self) -> tuple[str, ...]:
        return table_names(self.study)

    @property
    def figures(self) -> tuple[str, ...]:
        return figure_names(self.study)

    def _draw(self, program: str, name: str, stem: str) -> None:
        self.run(
            program, name, "--study-file", self.plan.study_file, "--results", self.plan.results,
            "--output-stem", stem,
        )  # fmt: skip

    def _common(self, config: str, timing: str) -> tuple[object, ...]:
        return ("--config", config, "--data", self.images, "--timing", timing, "--device", "cpu")
