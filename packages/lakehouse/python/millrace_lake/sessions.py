"""DuckDB instances, one for each operation of the lake: bounded memory, spilling to the operation's own directory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import duckdb

from .errors import CodedError


@dataclass
class Session:
    connection: duckdb.DuckDBPyConnection
    lock: threading.Lock = field(default_factory=threading.Lock)
    cancelled: bool = False

    def check(self) -> None:
        """Raises if the caller has cancelled: called before each commit."""
        if self.cancelled:
            raise CodedError("MR3010", "The operation was cancelled before it committed.")


class Sessions:
    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def open(self, name: str, directory: str, threads: int, memory: str) -> None:
        connection = duckdb.connect(
            ":memory:",
            config={
                "threads": threads,
                "memory_limit": memory,
                "temp_directory": directory,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        connection.execute("SET TimeZone = 'UTC'")
        self._sessions[name] = Session(connection)

    def get(self, name: str) -> Session:
        session = self._sessions.get(name)
        if session is None:
            raise CodedError(
                "MR3008",
                "The Delta writer was started anew in the middle of an operation.",
                hint="The next attempt begins from the start.",
            )
        session.check()
        return session

    def close(self, name: str) -> None:
        session = self._sessions.pop(name, None)
        if session is not None:
            with session.lock:
                session.connection.close()

    def cancel(self, name: str) -> None:
        session = self._sessions.get(name)
        if session is not None:
            session.cancelled = True
            session.connection.interrupt()
