"""Requests in, answers out, several at a time."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

from .errors import CodedError, coded
from .protocol import Json
from .sessions import Sessions

Operation = Callable[[Sessions, dict[str, Json]], Json]


class Replies:
    """The one way to standard output. Everything else that prints goes to standard error."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def send(self, message: dict[str, Json]) -> None:
        line = json.dumps(message, separators=(",", ":")) + "\n"
        with self._lock:
            self._out.write(line)
            self._out.flush()


def serve(operations: Mapping[str, Operation], sessions: Sessions, parallelism: int) -> None:
    """Serves until standard input closes, then ends at once: what was not committed is nobody's any more."""
    replies = Replies(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    pool = ThreadPoolExecutor(parallelism, thread_name_prefix="operation")
    running: dict[int, str] = {}

    def run(request: dict[str, Json]) -> None:
        number = request["id"]
        try:
            replies.send({"id": number, "ok": answer(operations, sessions, request)})
        except CodedError as error:
            replies.send({"id": number, "error": error.reply})
        finally:
            running.pop(number, None)

    replies.send({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        if "cancel" in request:
            session = running.get(request["cancel"])
            if session is not None:
                sessions.cancel(session)
            continue
        running[request["id"]] = request.get("session", "")
        pool.submit(run, request)
    os._exit(0)


def answer(operations: Mapping[str, Operation], sessions: Sessions, request: dict[str, Json]) -> Json:
    subject = request.get("table")
    try:
        operation = operations.get(request["op"])
        if operation is None:
            raise CodedError("MR3007", f"The Delta writer has no operation {request['op']}.", retryable=False)
        return operation(sessions, request)
    except CodedError:
        raise
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        raise coded(error, subject) from error
