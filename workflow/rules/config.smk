# config.yaml is checked before Snakemake reads it: Snakemake takes the last of duplicate keys, and answers a list or a
# file that is not UTF-8 with a traceback.
import sys
from pathlib import Path

from supernet.config.yamlfile import YamlFile
from supernet.errors import UserError


def check_config(path):
    """Read a config file; a mistake in its YAML ends Snakemake with its message before any job starts."""
    try:
        YamlFile.read(path)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


# A missing file is an error only without --configfile, which Snakemake knows. A workflow that imports this one as a
# module has its own config.
if Path("config.yaml").exists() and not workflow.modifier.skip_configfile:
    check_config(Path("config.yaml"))
