"""A resident dbt: reads requests as JSON lines on standard input, answers on standard output.

    {"id": 1, "op": "build", "select": ["tag:nightly"], "completed": ["model.shop.orders"], "nodeRetries": 2}
    {"id": 1, "event": {"type": "node", "id": "model.shop.customers", "state": "running", ...}}
    {"id": 1, "ok": {...}}   or   {"id": 1, "error": {"code": "MR4001", "message": ..., "retryable": false}}

Operations: parse, list, build, compile, docs, close. They run one after the other; `{"cancel": 1}` stops the one with that
id. The process ends at once when its standard input closes, so that it never holds the warehouse for a worker that is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from millrace_dbt.channel import Channel, Reply, claim_stdout
from millrace_dbt.errors import MillraceError, as_reply_error, missing_dbt


def operations(settings: dict[str, Any]) -> dict[str, Any]:
    """The operations by name; importing dbt is the slow part of starting, so it is done once, here."""
    from millrace_dbt import build, inspect
    from millrace_dbt.project import Project

    project = Project(settings)
    return {
        "parse": lambda request, reply: inspect.parse(project, request),
        "list": lambda request, reply: inspect.list_nodes(project, request),
        "build": lambda request, reply: build.run(project, request, reply),
        "compile": lambda request, reply: inspect.compile_nodes(project, request),
        "docs": lambda request, reply: inspect.docs(project, request),
        "close": lambda request, reply: project.release(),
    }


def load_operations(settings: dict[str, Any]) -> dict[str, Any]:
    try:
        return operations(settings)
    except ImportError as error:
        failure = missing_dbt(error)

        def refuse(_request: dict[str, Any], _reply: Reply) -> Any:
            raise failure

        return {name: refuse for name in ("parse", "list", "build", "compile", "docs", "close")}


def work(channel: Channel, known: dict[str, Any]) -> None:
    """Runs the queued requests one by one, for ever."""
    while True:
        request, reply = channel.next()
        try:
            if reply.cancelled:
                raise MillraceError("MR4301", "dbt was cancelled before it began.")
            operation = known.get(request.get("op"))
            if operation is None:
                raise MillraceError("MR4302", f"dbt server knows no operation {request.get('op')!r}.", retryable=False)
            reply.ok(operation(request, reply))
        except BaseException as error:  # noqa: BLE001 - whatever dbt raises is answered, the process stays
            reply.error(as_reply_error(error))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the worker decides when this process ends
    channel = Channel(claim_stdout())
    known = load_operations(json.loads(sys.argv[1]))
    threading.Thread(target=work, args=(channel, known), name="dbt", daemon=True).start()
    channel.say({"ready": True})
    channel.read_until_closed(sys.stdin.buffer)
    os._exit(0)


if __name__ == "__main__":
    main()
