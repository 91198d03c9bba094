"""The message after a workflow that succeeded."""

from supernet.config.artifacts import Artifacts
from supernet.launcher.log import GROUP
from supernet.launcher.messages import many
from supernet.launcher.options import Options
from supernet.launcher.workflow import Workflow
from supernet.provenance.record import SUFFIX
from supernet.runtime.progress import duration


def success_message(workflow: Workflow, options: Options, seconds: float) -> str:
    """Return the duration, the table of the baseline results, and the paths of tables, figures and log."""
    if not workflow.done and not workflow.nothing_to_do:  # as in a dry run: Snakemake's output is the result
        lines = (options.root / options.log).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith(GROUP))
    if workflow.nothing_to_do:
        text = [f"Nothing to do: all results are up to date ({duration(seconds)}).", ""]
    else:
        text = [f"Done: {many(workflow.done, 'job')} in {duration(seconds)}.", ""]
    text += [*_results(options), ""]
    paths = Artifacts(str(options.folder))
    for name, folder in (("tables", paths.tables), ("figures", paths.figures)):
        found = (options.root / folder).rglob("*")
        files = [path for path in found if path.is_file() and not path.name.endswith(SUFFIX)]
        if files:
            text.append(f"{name + ':':<9}{folder}/ ({many(len(files), 'file')})")
    return "\n".join([*text, f"{'log:':<9}{options.log}"])


def _results(options: Options) -> list[str]:
    metrics = Artifacts(str(options.folder)).metrics
    if not (options.root / metrics).exists():
        return [f"No summary: {metrics} does not exist yet."]
    # Imported here, because it takes a second, which failures and dry runs do not need.
    from supernet.launcher.results_table import results_table

    return results_table(options.study_file, options.root / options.folder)
