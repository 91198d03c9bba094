"""What is said of a workflow that succeeded."""

from supernet.config.artifacts import Artifacts
from supernet.launcher.log import GROUP
from supernet.launcher.options import Options
from supernet.launcher.wording import many
from supernet.launcher.workflow import Workflow
from supernet.provenance.record import SUFFIX
from supernet.runtime.progress import duration


def conclusion(workflow: Workflow, options: Options, seconds: float) -> str:
    """What came out: the time, the table that matters, and where tables and figures are."""
    if not workflow.done and not workflow.nothing_to_do:  # a dry run, a lint, ...: the output itself was asked for
        lines = (options.root / options.log).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith(GROUP))
    if workflow.nothing_to_do:
        text = [f"Nothing to do: all results are up to date ({duration(seconds)}).", ""]
    else:
        text = [f"Done: {many(workflow.done, 'job')} in {duration(seconds)}.", ""]
    text += [*_outcome(options), ""]
    paths = Artifacts(str(options.folder))
    for name, folder in (("tables", paths.tables), ("figures", paths.figures)):
        found = (options.root / folder).rglob("*")
        files = [path for path in found if path.is_file() and not path.name.endswith(SUFFIX)]
        if files:
            text.append(f"{name + ':':<9}{folder}/ ({many(len(files), 'file')})")
    return "\n".join([*text, f"{'log:':<9}{options.log}"])


def _outcome(options: Options) -> list[str]:
    metrics = Artifacts(str(options.folder)).metrics
    if not (options.root / metrics).exists():
        return [f"No summary: {metrics} has not been made yet."]
    # Here, because it takes a second that an error or a dry run need not wait for.
    from supernet.launcher.outcome import outcome

    return outcome(options.root / "workflow" / "studies" / f"{options.study}.yaml", options.root / options.folder)
