"""Check results against their records: the command `supernet audit` as the program of the rule `audit`."""

from supernet.commands.audit import main
from supernet.runtime import program

if __name__ == "__main__":
    program.run(main)
