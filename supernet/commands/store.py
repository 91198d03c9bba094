"""List what the store has, which studies use it, and how large it is; remove what no study uses.

The store has the results that all studies of a folder of results share. `list` prints its entries, each with the
results of one recipe. `prune` removes what no study uses. `remove` removes entries although studies use them, so that
they are made again. Both say what they remove, ask, and remove nothing while a job runs.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from supernet.audit.printable import printable
from supernet.config.artifacts import STORE
from supernet.errors import UserError
from supernet.pipeline.workflow_config import WorkflowConfig
from supernet.runtime.checkout import config_file
from supernet.training.store.entries import SUPERNETS, Amount, Entry, Inventory, Item, descriptions, inventory
from supernet.training.store.removal import Plan, Removal, named, remove, unused, without_jobs
from supernet.training.store.usage import Usage, usage

LIST, PRUNE, REMOVE = "list", "prune", "remove"
LONGEST = 60
"""Characters of the description of an entry in the table."""
_HEAD = ("entry", "content", "size", "used by", "differs from the defaults")
_UNITS = ("kB", "MB", "GB")
_NOUNS = MappingProxyType({"truth": "training", "scores": "score", SUPERNETS: "super-net"})


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", nargs="?", choices=(LIST, PRUNE, REMOVE), default=LIST, help="(default: list)")
    parser.add_argument(
        "entries",
        nargs="*",
        metavar="ENTRY",
        help="for `remove`: entries as in the list, starts of their digests, or paths; also of single results in them",
    )
    parser.add_argument("--results", metavar="FOLDER", help="as in config.yaml: results")
    parser.add_argument("--json", action="store_true", help="with `list`: print JSON")
    parser.add_argument("--yes", action="store_true", help="with `prune` and `remove`: do not ask")
    # Otherwise an option before the action would end the actions.
    options = parser.parse_intermixed_args(arguments)
    if bool(options.entries) != (options.action == REMOVE):
        parser.error("expected entries after `remove`, and only there")
    if options.json and options.action != LIST:
        parser.error("--json: expected only with `list`")
    if options.yes and options.action == LIST:
        parser.error("--yes: expected only with `prune` and `remove`")
    return options


def size(count: int) -> str:
    """Format a number of bytes: `812 B`, `3.4 MB`."""
    if count < 1000:
        return f"{count} B"
    power = min((len(str(count)) - 1) // 3, len(_UNITS))
    return f"{count / 1000**power:.1f} {_UNITS[power - 1]}"


def content(entry: Entry) -> str:
    """Return what an entry has: super-nets, trainings or scores."""
    name = _NOUNS[entry.name.kind]
    count = _count(entry, entry.items)
    return f"{count:,} {name}{'s' * (count != 1)}"


def _count(entry: Entry, items: Iterable[Item]) -> int:
    return sum(item.complete if entry.name.kind == SUPERNETS else item.rows for item in items)


def used_by(entry: Entry, used: Usage) -> str:
    """Return the studies that use an entry, and how much of it: `mini 64 of 80`; only the names of a single item's."""
    every = len(entry.complete)
    found = [
        study if len(entry.items) == 1 else f"{study} {count} of {every}" for study, count in used.of(entry).items()
    ]
    return ", ".join(found) or "no study"


def table(found: Inventory, used: Usage) -> Iterator[str]:
    """Yield one line per entry."""
    about = descriptions(found.entries)
    rows = [_HEAD]
    for one in found.entries:
        amount = size(Amount.of(one.files).size)
        rows.append((str(one.name), content(one), amount, used_by(one, used), _short(about[one.name])))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=True))
        yield printable("  ".join([*cells, row[-1]]).rstrip())


def _short(values: Sequence[tuple[str, Any]]) -> str:
    text = ", ".join(f"{key} {value if isinstance(value, str) else json.dumps(value)}" for key, value in values)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def summary(found: Inventory, used: Usage, store: Path) -> Iterator[str]:
    """Yield the totals, and what is remarkable."""
    total = Amount.of(path for entry in found.entries for path in entry.files)
    unused_entries = sum(not used.of(entry) for entry in found.entries)
    yield f"{len(found.entries)} entries, {total.files} files, {size(total.size)} in {store}; {unused_entries} unused"
    if total.linked:
        yield f"{size(total.linked)} of it have further names elsewhere (hard links)"
    if found.left:
        yield f"Left by ended processes: {len(found.left)} files or folders, which `prune` removes"
    yield from _remarks(found, used)


def _remarks(found: Inventory, used: Usage) -> Iterator[str]:
    if used.unfinished:
        yield (
            f"Not finished: {', '.join(map(printable, used.unfinished))}. What a study has not taken over yet counts "
            "as unused."
        )
    if found.problems:
        yield "Damaged or unknown, and kept by `prune`:"
        yield from (f"  {printable(problem)}" for problem in found.problems)


def as_json(found: Inventory, used: Usage, store: Path) -> str:
    """Return the text that --json prints."""
    about = descriptions(found.entries)
    total = Amount.of(path for entry in found.entries for path in entry.files)
    whole = {
        "store": str(store),
        "entries": [_entry_as_json(one, used, dict(about[one.name])) for one in found.entries],
        "files": total.files,
        "bytes": total.size,
        "bytes_linked": total.linked,
        "left": list(map(str, found.left)),
        "problems": list(found.problems),
        "not_known": used.problems,
        "unfinished": used.unfinished,
    }
    return json.dumps(whole, indent=2)


def _entry_as_json(entry: Entry, used: Usage, about: dict[str, Any]) -> dict[str, Any]:
    amount = Amount.of(entry.files)
    return {
        **entry.name._asdict(),
        "path": str(entry.folder),
        "differs_from_defaults": about,
        "items": len(entry.complete),
        "count": _count(entry, entry.items),
        "files": amount.files,
        "bytes": amount.size,
        "studies": used.of(entry),
        "unused": [item.path.name for item in entry.complete if not used.of_item(entry, item)],
    }


def show(options: argparse.Namespace, results: Path) -> None:
    """Print all entries."""
    store = results / STORE
    found, used = inventory(store), usage(results)
    if options.json:
        print(as_json(found, used, store))
        return
    if found.entries:
        print("\n".join(table(found, used)), end="\n\n")
    print("\n".join(summary(found, used, store)))
    for problem in used.problems:
        print(f"warning: {printable(problem)}: what it was made from is not known", file=sys.stderr)


def prune(options: argparse.Namespace, results: Path) -> None:
    """Remove what no study uses."""

    def planned() -> Plan:
        return unused(inventory(results / STORE), usage(results))

    with without_jobs(results):
        found, used = inventory(results / STORE), usage(results)
    plan = unused(found, used)
    for one in plan.removals:
        print(f"{one.entry.name}: {_removed(one)}, used by no study")
    for path in plan.left:
        print(f"{printable(str(path))}: left by an ended process")
    for line in _remarks(found, used):
        print(line)
    if plan.removals or plan.left:
        _carry_out(plan, results, planned, options.yes)
    else:
        print(f"Nothing to remove from {results / STORE}")


def remove_named(options: argparse.Namespace, results: Path) -> None:
    """Remove entries although studies use them."""

    def planned() -> Plan:
        return named(inventory(results / STORE), options.entries, results / STORE)

    with without_jobs(results):
        plan, used = planned(), usage(results)
    for one in plan.removals:
        print(printable(f"{one.entry.name}: {_removed(one)}, used by {used_by(one.entry, used)}"))
    for problem in used.problems:
        print(f"warning: {printable(problem)}: what it was made from is not known", file=sys.stderr)
    if any(used.of(one.entry) for one in plan.removals):
        print("The results that were made from them are broken for the audit until they are made again")
    _carry_out(plan, results, planned, options.yes)


def _removed(removal: Removal) -> str:
    part = "" if removal.folder else f"{_count(removal.entry, removal.items)} of "
    return f"{part}{content(removal.entry)}, {size(Amount.of(removal.files).size)}"


def _carry_out(plan: Plan, results: Path, planned: Callable[[], Plan], yes: bool) -> None:
    amount = plan.amount
    if amount.linked:
        print(f"{size(amount.linked)} of it stay on the disk under further names (hard links)")
    what = f"{amount.files} file{'s' * (amount.files != 1)}, {size(amount.freed)}"
    if not yes and not _agreed(f"Remove {what}? [y/N] "):
        print("Nothing was removed")
        return
    remove(plan, results, planned)
    print(f"Removed {what}")


def _agreed(question: str) -> bool:
    """Ask a question, and return whether the answer is yes. Raises UserError without a terminal."""
    if not sys.stdin.isatty():
        raise UserError("nothing was removed: the input is not a terminal, so the question cannot be asked; use --yes")
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def main(arguments: Sequence[str]) -> None:
    """List or remove; exits with 2 if something cannot be removed."""
    options = parse(arguments)
    given = {"results": options.results} if options.results else {}
    results = Path(WorkflowConfig.read(config_file(), given).results)
    {LIST: show, PRUNE: prune, REMOVE: remove_named}[options.action](options, results)
