"""A study as a folder of CSV files, with their columns described as a Data Package (specs.frictionlessdata.io)."""

from pathlib import Path
from typing import Any

import pandas as pd

from supernet.errors import UserError
from supernet.io.atomic import write_json
from supernet.io.folders import replaced
from supernet.paper.export.columns import column
from supernet.paper.export.tables import TABLES, Table
from supernet.paper.load import Results

PROGRAM = "supernet export csv"
_MARK = ".supernet-csv"
"""The file that marks a folder of this program."""
DESCRIPTION = "datapackage.json"


def write_csv(results: Results, folder: Path, root_digest: str | None = None) -> list[str]:
    """Write one CSV file per table that has rows, and datapackage.json; return the names of the tables.

    `root_digest` is that of the study, for datapackage.json.
    Numbers have full precision, accuracies are fractions, and a value that does not exist is empty. The folder is
    replaced as a whole. Raises UserError if it has files of others, or if the study has no results.
    """
    with replaced(folder, _MARK, PROGRAM) as temporary:
        resources = []
        for name, table in TABLES.items():
            types = _write(temporary / f"{name}.csv", table, results)
            if types:
                resources.append(_resource(name, table, types))
        if not resources:
            raise UserError(f"{results.folder}: has no results of the study {results.study.study}; make run makes them")
        write_json(temporary / DESCRIPTION, _package(results, resources, root_digest), record=False)
    return [str(resource["name"]) for resource in resources]


def _write(path: Path, table: Table, results: Results) -> dict[str, str]:
    """Write the parts of a table one after another; return the type of each column, empty without rows."""
    types: dict[str, str] = {}
    for part in table.parts(results):
        if not types:
            types = {str(name): _type(part[name]) for name in part}
        part.to_csv(path, mode="a", index=False, header=not path.exists(), lineterminator="\n")
    return types


def _type(values: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values):
        return "boolean"
    if pd.api.types.is_integer_dtype(values):
        return "integer"
    return "number" if pd.api.types.is_float_dtype(values) else "string"


def _resource(name: str, table: Table, types: dict[str, str]) -> dict[str, Any]:
    fields = []
    for own, kind in types.items():
        described = column(name, own)
        unit = {"unit": described.unit} if described.unit else {}
        fields.append({"name": own, "type": kind, "description": described.meaning, **unit})
    return {
        "name": name,
        "path": f"{name}.csv",
        "description": table.title,
        "profile": "tabular-data-resource",
        "schema": {"fields": fields, "missingValues": [""]},
    }


def _package(results: Results, resources: list[dict[str, Any]], root_digest: str | None) -> dict[str, Any]:
    return {
        "name": results.study.study.lower(),
        "title": results.study.title,
        "profile": "tabular-data-package",
        "root_digest": root_digest,
        "resources": resources,
    }
