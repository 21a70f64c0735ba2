"""Commits. Each carries its application transactions, so that it can be told whether it is in already."""

from __future__ import annotations

import duckdb
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from .errors import CodedError
from .protocol import Json
from .tables import find_table, open_table, storage_options

# Above this, a merge streams its source; below, it looks at the source first and skips target files out of its range.
STREAMED_MERGE_ROWS = 200_000


def commit_properties(transactions: dict[str, int], run: str) -> CommitProperties:
    return CommitProperties(
        app_transactions=[Transaction(application, version) for application, version in transactions.items()],
        custom_metadata={"millrace.run": run},
    )


def check_seen(table: DeltaTable | None, uri: str, seen: dict[str, int | None]) -> None:
    """
    Refuses to go on if an application has committed since the caller looked. Delta compares a commit's transactions with those
    of commits that come after the version it was made on, so this must look at the very version that is written on.
    """
    for application, version in seen.items():
        found = table.transaction_version(application) if table is not None else None
        if found != version:
            raise CodedError(
                "MR3004",
                f"Another writer committed version {found} of {application} to {uri} in the meantime.",
                subject=uri,
                hint="The next attempt starts from the new version.",
            )


def append(
    uri: str, rows: duckdb.DuckDBPyRelation, properties: CommitProperties, seen: dict[str, int | None]
) -> int:
    """Adds rows, and columns that the table lacks; creates the table with its change data feed on. Returns the version."""
    table = find_table(uri)
    check_seen(table, uri, seen)
    if table is None:
        write_deltalake(
            uri,
            rows,
            mode="error",
            configuration={"delta.enableChangeDataFeed": "true"},
            commit_properties=properties,
            storage_options=storage_options(),
        )
    else:
        write_deltalake(table, rows, mode="append", schema_mode="merge", commit_properties=properties)
    return open_table(uri).version()


def merge(
    uri: str,
    rows: duckdb.DuckDBPyRelation,
    clauses: dict[str, Json],
    properties: CommitProperties,
    seen: dict[str, int | None],
) -> dict[str, Json]:
    """
    One MERGE of `source` into `target`. If it changes nothing it commits nothing, then the transactions are committed alone.
    """
    table = open_table(uri)
    check_seen(table, uri, seen)
    before = table.version()
    merger = table.merge(
        rows,
        predicate=clauses["on"],
        source_alias="source",
        target_alias="target",
        streamed_exec=clauses["rows"] > STREAMED_MERGE_ROWS,
        commit_properties=properties,
    )
    metrics = (
        merger.when_matched_delete(clauses["delete"])
        .when_matched_update(clauses["values"], clauses["update"])
        .when_not_matched_insert(clauses["values"], clauses["insert"])
        .execute()
    )
    table.update_incremental()
    if table.version() == before:
        touch(uri, properties, seen)
        table.update_incremental()
    return {
        "version": table.version(),
        "inserted": metrics["num_target_rows_inserted"],
        "updated": metrics["num_target_rows_updated"],
        "deleted": metrics["num_target_rows_deleted"],
    }


def touch(uri: str, properties: CommitProperties, seen: dict[str, int | None]) -> int:
    """Commits application transactions and no rows."""
    table = open_table(uri)
    check_seen(table, uri, seen)
    table.create_write_transaction([], mode="append", schema=table.schema(), commit_properties=properties)
    table.update_incremental()
    return table.version()
