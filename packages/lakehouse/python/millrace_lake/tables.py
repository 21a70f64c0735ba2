"""Delta tables by address, and what they hold."""

from __future__ import annotations

import os

from deltalake import DeltaTable, QueryBuilder, Schema
from deltalake.exceptions import TableNotFoundError

from .protocol import Json

STORAGE_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
)


def storage_options() -> dict[str, str]:
    found = {name: os.environ[name] for name in STORAGE_VARIABLES if name in os.environ}
    # Commits are created with If-None-Match, so two writers cannot both have the same version.
    return found | {"aws_conditional_put": "etag"}


def open_table(uri: str, version: int | None = None) -> DeltaTable:
    return DeltaTable(uri, version=version, storage_options=storage_options())


def find_table(uri: str) -> DeltaTable | None:
    try:
        return open_table(uri)
    except TableNotFoundError:
        return None


def describe(uri: str, applications: list[str]) -> dict[str, Json]:
    """Version (-1: no such table), rows, fields, and the last version of each application transaction."""
    table = find_table(uri)
    if table is None:
        return {"version": -1, "rows": 0, "fields": [], "transactions": {}}
    return {
        "version": table.version(),
        "rows": sum(count or 0 for count in table.get_add_actions(flatten=True)["num_records"].to_pylist()),
        "fields": [{"name": field.name, "type": str(field.type.type)} for field in primitive_fields(table.schema())],
        "transactions": {application: table.transaction_version(application) for application in applications},
    }


def primitive_fields(schema: Schema) -> list:
    return list(schema.fields)


def reader(uri: str, spec: dict[str, Json]) -> object:
    """
    A one-pass Arrow stream over a table: the changes of versions `from` to `to` (both included), or all rows of `version`.
    """
    if "from" in spec:
        return open_table(uri, spec["to"]).load_cdf(starting_version=spec["from"], ending_version=spec["to"])
    return QueryBuilder().register("input", open_table(uri, spec["version"])).execute("SELECT * FROM input")
