"""The command `supernet`: finds the subcommand's module, imports that module only, and runs it."""

import argparse
import difflib
import importlib
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, NoReturn

import supernet
from supernet.errors import UserError
from supernet.runtime import program
from supernet.runtime.checkout import start_unpacked


class Command(NamedTuple):
    """A subcommand: the module that has its `main(arguments)`, and its line in `supernet --help`."""

    module: str
    help: str


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "run": Command("supernet.commands.run", "run a study, show progress, print the outcome"),
        "plan": Command(
            "supernet.commands.plan", "list what a run would train or make again, the causes, and the time"
        ),
        "resume": Command("supernet.commands.resume", "on a cluster: continue after Snakemake was killed"),
        "doctor": Command("supernet.commands.doctor", "say what this machine has, and what each missing thing costs"),
        "evaluate": Command(
            "supernet.commands.evaluate", "compare scores of any code base with ground truth, with intervals"
        ),
        "audit": Command("supernet.commands.audit", "check results against their provenance records"),
        "explain": Command("supernet.commands.explain", "print which runs, code and data a result comes from"),
        "trace": Command("supernet.commands.trace", "draw which jobs and files a result comes from (SVG)"),
        "archive": Command("supernet.commands.archive", "pack a finished study into one file"),
        "unpack": Command("supernet.commands.unpack", "unpack such a file into the current folder"),
        "reproduce": Command("supernet.commands.reproduce", "unpack an archive, draw it again, and compare the files"),
        "crate": Command("supernet.commands.crate", "write a finished study as an RO-Crate"),
        "store": Command("supernet.commands.store", "list what studies share, and remove what none of them uses"),
        "export": Command("supernet.commands.export", "write results as CSV or as event files of TensorBoard"),
        "gallery": Command("supernet.commands.gallery", "copy the figures of a finished study into the docs"),
        "reference": Command("supernet.commands.reference", "write or check the generated pages of docs/reference"),
        "download": Command("supernet.commands.download", "fetch and check published tables and data sets"),
    }
)
"""Subcommands by name."""


def main() -> NoReturn:
    """Run the subcommand that the command line names, and exit with its code; 2 for a wrong command line."""
    with program.plain_output():
        _main(sys.argv[1:])
    sys.exit(0)


def _main(arguments: Sequence[str]) -> None:
    parser = _parser()
    options = parser.parse_args(arguments[:1])
    if options.version:
        print(f"supernet {supernet.__version__}")
        return
    name = options.command
    if name is None:
        parser.error("expected a command; supernet --help lists them")
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        question = f"did you mean {near[0]!r}? " if near else ""
        sys.stderr.write(f"error: no command {name!r}; {question}expected one of {', '.join(COMMANDS)}\n")
        sys.exit(program.USER_ERROR)
    try:
        start_unpacked(arguments)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(program.USER_ERROR)
    program.run(importlib.import_module(COMMANDS[name].module).main, arguments[1:])


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the first argument; the other arguments are the subcommand's."""
    lines = (f"  {name:<11}{command.help}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="supernet",
        usage="supernet COMMAND [OPTION ...]",
        description="Super-net training heuristics for weight-sharing NAS, measured by a reproducible pipeline.",
        epilog="\n".join(["commands:", *lines, "", "supernet COMMAND --help describes the options of a command."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument("command", metavar="COMMAND", nargs="?", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
