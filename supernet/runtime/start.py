"""Run a script as the rules do: `python -P -m supernet.runtime.start SCRIPT [ARGUMENT ...]`.

The start time is noted and the garbage collector disabled before the script imports anything. A script also runs
without this module; it then starts a little slower.
"""

import os
import runpy
import sys

from supernet.runtime.startup import begin

if __name__ == "__main__":
    begin()
    if not os.path.isfile("".join(sys.argv[1:2])):
        sys.exit("error: usage: python -P -m supernet.runtime.start SCRIPT [ARGUMENT ...]; SCRIPT is an existing file")
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
