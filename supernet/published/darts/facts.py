"""Meaning of the tables of DARTS that have a form in a mirror, and the columns of that form.

Sources: OnceNAS-Bench/OnceNAS-Bench, `data-545.csv`; antoyang/NAS-Benchmark (Yang et al., ICLR 2020), the 214 random
architectures of `Plots`; pym1024/SWAP (Peng et al., ICLR 2024), `datasets/DARTS_archs_CIFAR10.csv`.
"""

from dataclasses import dataclass

from supernet.errors import UserError


@dataclass(frozen=True)
class Facts:
    """One table: `test` and `valid` are the columns of its accuracies in the file of a mirror, in percent."""

    test: str
    epochs: int
    truth: str
    valid: str | None = None
    parameters: str | None = None
    """Column of the numbers of parameters, in millions."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns with numbers."""
        return tuple(name for name in (self.test, self.valid, self.parameters) if name is not None)


def facts(table: str) -> Facts:
    """Return the facts of a table by name; UserError for another table."""
    known = {
        "darts-oncenas545": Facts(
            test="test_acc50",
            valid="valid_acc50",
            parameters="params",
            epochs=50,
            truth="test accuracy after 50 epochs, trained by OnceNAS-Bench (36 channels, 20 cells), once unless a "
            "genotype is repeated",
        ),
        "darts-oncenas545-10epochs": Facts(
            test="valid_acc10",
            parameters="params",
            epochs=10,
            truth="validation accuracy after 10 epochs, not a test accuracy, trained by OnceNAS-Bench (36 channels, "
            "20 cells), once unless a genotype is repeated",
        ),
        "darts-214": Facts(
            test="cifar10_test_acc",
            epochs=600,
            truth="test accuracy after the last of 600 epochs, trained once by Yang et al. (2020) with the protocol "
            "of DARTS",
        ),
        "darts-swap1000": Facts(
            test="cifar10_valid_acc",
            epochs=200,
            truth="validation accuracy after 200 epochs, not a test accuracy, small networks trained once by SWAP "
            "(Peng et al. 2024)",
        ),
    }
    if table not in known:
        raise UserError(f"DARTS: found the table {table!r}; expected one of {', '.join(known)}")
    return known[table]
