"""Downloaded files and the mirror. No server is asked."""

from collections.abc import Iterator
from pathlib import Path

from supernet.download.credentials import separate
from supernet.download.sources import File, Published, Sources, load_sources
from supernet.download.trust import Trust, WrongHashError
from supernet.launcher.doctor.finding import Finding, State, failed, missing, ok
from supernet.pipeline.plan import Plan


def mirror(address: str) -> Finding:
    """Return whether there is a mirror; a password in its address is not shown."""
    shown = separate(address)[0]
    if not address:
        return missing("mirror", "none", "files come from their servers (docs/use/data.md)")
    if address.startswith(("http://", "https://")):
        return ok("mirror", f"{shown} (not tried)")
    return ok("mirror", shown) if Path(address).is_dir() else missing("mirror", f"{shown}: no such folder", "not used")


def sources(plan: Plan, hashes: bool) -> Iterator[Finding]:
    """Yield the state of each file that the study needs, and the number of files of others.

    Hashes of files take a while and are checked on request; sizes are always checked.
    """
    known = load_sources(plan.root / "workflow" / "sources.yaml")
    needed = dict(_needed(plan, known))
    for name, published in needed.items():
        yield _published(name, known.forms(published), plan, hashes)
    others = {**known.tables, **known.datasets}
    present = [name for name, one in others.items() if name not in needed and _form(known.forms(one), plan)]
    yield ok("other data", f"{', '.join(present) or 'none'} of {len(others) - len(needed)} downloaded")


def _needed(plan: Plan, known: Sources) -> Iterator[tuple[str, Published]]:
    if plan.study.data.name in known.datasets:
        yield plan.study.data.name, known.datasets[plan.study.data.name]
    for space in plan.study.spaces.values():
        if space.published is not None:
            yield space.published, known.tables[space.published]
    for table in plan.study.metrics.further_truths:
        yield table, known.tables[table]


def _published(name: str, forms: dict[str, tuple[File, ...]], plan: Plan, hashes: bool) -> Finding:
    form = _form(forms, plan)
    if form is None:
        size = min(sum(file.limit for file in files) for files in forms.values())
        return missing(f"data {name}", "not downloaded", f"downloads up to {size / 2**20:.0f} MB (supernet download)")
    states = [_file(file, plan, hashes) for file in forms[form]]
    return next((one for one in states if one.state is not State.OK), states[0])


def _form(forms: dict[str, tuple[File, ...]], plan: Plan) -> str | None:
    """Return the first form of which all files are there."""
    folder = Path(plan.artifacts.downloads)
    return next((form for form, files in forms.items() if all((folder / one.path).exists() for one in files)), None)


def _file(file: File, plan: Plan, hashes: bool) -> Finding:
    path, subject = Path(plan.artifacts.downloads, file.path), f"data {file.name}"
    size = path.stat().st_size
    remedy = f"delete it: rm {path}"
    if size > file.limit or (file.size is not None and size != file.size):
        return failed(subject, f"{size} bytes, expected {file.limit}", remedy)
    if not hashes:
        return ok(subject, f"{path} (size right, hash not checked: --hashes)")
    try:
        identity = Trust.load(file, Path(plan.artifacts.sources_lock)).check(path, str(path))
    except WrongHashError as error:
        return failed(subject, str(error), remedy)
    return ok(subject, f"{path} ({identity.algorithm} {'of its first use' if not file.hash.given else 'as published'})")
