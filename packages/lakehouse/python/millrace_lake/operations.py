"""What the process can be asked for. The SQL comes from the caller; nothing here knows layers or rules."""

from __future__ import annotations

from collections.abc import Mapping

from . import commits, tables
from .inspection import count_records, inspect_file
from .protocol import Json, to_json
from .server import Operation
from .sessions import Sessions

MAX_ROWS = 100_000


def open_session(sessions: Sessions, request: dict[str, Json]) -> Json:
    sessions.open(request["session"], request["directory"], request["threads"], request["memory"])
    return None


def close_session(sessions: Sessions, request: dict[str, Json]) -> Json:
    sessions.close(request["session"])
    return None


def execute(sessions: Sessions, request: dict[str, Json]) -> Json:
    """Runs SQL, with streams of Delta tables registered under the names in `inputs`; answers rows by column name."""
    session = sessions.get(request["session"])
    with session.lock:
        connection = session.connection
        inputs: dict[str, dict[str, Json]] = request.get("inputs", {})
        for name, spec in inputs.items():
            connection.register(name, tables.reader(spec["table"], spec))
        try:
            result = connection.execute(request["sql"])
            names = [column[0] for column in result.description or []]
            rows = result.fetchmany(MAX_ROWS)
        finally:
            for name in inputs:
                connection.unregister(name)
        return [{name: to_json(value) for name, value in zip(names, row)} for row in rows]


def append(sessions: Sessions, request: dict[str, Json]) -> Json:
    session = sessions.get(request["session"])
    with session.lock:
        rows = session.connection.sql(request["sql"])
        session.check()
        properties = commits.commit_properties(request["transactions"], request["run"])
        return {"version": commits.append(request["table"], rows, properties, request["seen"])}


def merge(sessions: Sessions, request: dict[str, Json]) -> Json:
    session = sessions.get(request["session"])
    with session.lock:
        rows = session.connection.sql(request["sql"])
        session.check()
        properties = commits.commit_properties(request["transactions"], request["run"])
        return commits.merge(request["table"], rows, request["clauses"], properties, request["seen"])


def touch(sessions: Sessions, request: dict[str, Json]) -> Json:
    properties = commits.commit_properties(request["transactions"], request["run"])
    return {"version": commits.touch(request["table"], properties, request["seen"])}


def describe(sessions: Sessions, request: dict[str, Json]) -> Json:
    return tables.describe(request["table"], request["applications"])


def inspect(sessions: Sessions, request: dict[str, Json]) -> Json:
    return [inspect_file(file, request) for file in request["files"]]


def count(sessions: Sessions, request: dict[str, Json]) -> Json:
    return count_records(request["path"], request)


def table_names(sessions: Sessions, request: dict[str, Json]) -> Json:
    session = sessions.get(request["session"])
    with session.lock:
        return sorted(session.connection.get_table_names(request["sql"], qualified=True))


OPERATIONS: Mapping[str, Operation] = {
    "open": open_session,
    "close": close_session,
    "execute": execute,
    "append": append,
    "merge": merge,
    "touch": touch,
    "describe": describe,
    "inspect": inspect,
    "count": count,
    "table_names": table_names,
}
