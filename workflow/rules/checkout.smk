# The checkout that these files belong to, from which the package is imported: as a module, this workflow is used by a
# Snakefile in another folder, and may come from a git host.
import subprocess
import sys
import tempfile
from pathlib import Path


def cloned(source):
    """Return a checkout of the commit of a file on a git host: a clone of Snakemake's own clone, beside that."""
    repository = source.hosted_repo
    commit = repository.repo.commit(source.ref).hexsha
    folder = repository.repo_clone.with_name(
        f"{repository.repo_clone.name}-{commit[:12]}"
    )
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        clone = Path(temporary, "clone")
        get = ("git", "clone", "--quiet", "--no-checkout", repository.repo_clone, clone)
        subprocess.run(get, check=True)
        checkout = ("git", "-C", clone, "checkout", "--quiet", "--detach", commit)
        subprocess.run(checkout, check=True)
        try:
            clone.rename(folder)
        except OSError:
            # Another Snakemake may have made the same clone in the meantime.
            if not folder.exists():
                raise
    return folder


def checkout():
    """Return the checkout with this file. The workflow that uses it as a module can be in another folder."""
    rules = workflow.current_basedir
    return cloned(rules) if hasattr(rules, "hosted_repo") else Path(rules).parents[1]


ROOT = checkout()
sys.path.insert(0, str(ROOT))

import supernet

if Path(supernet.__file__).resolve().parents[1] != ROOT.resolve():
    sys.stderr.write(
        f"{ROOT}: this workflow has already loaded the package supernet from {Path(supernet.__file__).parent}; expected "
        "one version: let all modules of the workflow name the same one\n"
    )
    raise SystemExit(2)
