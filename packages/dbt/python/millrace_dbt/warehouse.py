"""The adapter's connections: let go of them, interrupt them, and ask them how many rows a statement touched."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from dbt.adapters.factory import FACTORY

_DUCKDB = "dbt.adapters.duckdb.connections"


def release() -> None:
    """Closes every connection, and the database file: dbt-duckdb keeps it open for the life of the process."""
    FACTORY.reset_adapters()
    module = sys.modules.get(_DUCKDB)
    if module is None:
        return
    manager = module.DuckDBConnectionManager
    with manager._LOCK:
        environment, manager._ENV = manager._ENV, None
    if environment is None:
        return
    path = environment.creds.path
    environment.close()
    del environment
    if _is_open(path):
        gc.collect()  # a cursor in a reference cycle still holds the database


def interrupt() -> None:
    """Cancels the statements that run now. Can be called again and again while a build drains."""
    for adapter in list(FACTORY.adapters.values()):
        try:
            adapter.cancel_open_connections()
        except Exception:  # noqa: BLE001 - the connection ended by itself meanwhile
            continue


def count_rows() -> None:
    """Makes dbt-duckdb report `rows_affected`, which DuckDB knows (one row named Count) but the adapter drops."""
    module = sys.modules.get(_DUCKDB)
    if module is None or hasattr(module.DuckDBConnectionManager, "_millrace_execute"):
        return
    manager = module.DuckDBConnectionManager
    original = manager.execute
    manager._millrace_execute = original

    def execute(self: Any, sql: str, auto_begin: bool = False, fetch: bool = False, limit: int | None = None) -> Any:
        response, table = original(self, sql, auto_begin, fetch, limit)
        if not fetch:
            response.rows_affected = _affected(self)
        return response, table

    manager.execute = execute


def _affected(manager: Any) -> int | None:
    try:
        cursor = manager.get_thread_connection().handle.cursor()
        description = cursor.description
        if description is None or len(description) != 1 or description[0][0] != "Count":
            return None
        row = cursor.fetchone()
        return None if row is None else int(row[0])
    except Exception:  # noqa: BLE001 - a count is a nicety; the statement itself has succeeded
        return None


def _is_open(path: str) -> bool:
    """Whether this process has the file open. Only known on Linux; elsewhere assume it has."""
    if path in (":memory:", ""):
        return False
    if not os.path.isdir("/proc/self/fd"):
        return True
    wanted = os.path.realpath(path)
    for fd in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{fd}") == wanted:
                return True
        except OSError:
            continue
    return False
