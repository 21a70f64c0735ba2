"""The JSON lines between this process and the one that started it."""

from __future__ import annotations

import json
import os
import queue
import threading
from typing import Any, BinaryIO, Callable


def claim_stdout() -> int:
    """Keeps standard output for the protocol: whatever else prints there goes to standard error."""
    protocol = os.dup(1)
    os.dup2(2, 1)
    return protocol


class Reply:
    """The answer to one request, and the events before it."""

    def __init__(self, channel: "Channel", request_id: Any) -> None:
        self._channel = channel
        self._id = request_id
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._on_cancel: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def wait_for_cancel(self, seconds: float) -> bool:
        """Sleeps; True as soon as the request is cancelled."""
        return self._cancel.wait(seconds)

    def on_cancel(self, action: Callable[[], None]) -> None:
        with self._lock:
            self._on_cancel.append(action)
            late = self._cancel.is_set()
        if late:
            action()

    def cancel(self) -> None:
        with self._lock:
            self._cancel.set()
            actions = list(self._on_cancel)
        for action in actions:
            action()

    def event(self, value: Any) -> None:
        self._channel.say({"id": self._id, "event": value})

    def ok(self, value: Any) -> None:
        self._channel.finish(self._id, {"id": self._id, "ok": value})

    def error(self, value: dict[str, Any]) -> None:
        self._channel.finish(self._id, {"id": self._id, "error": value})


class Channel:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._write_lock = threading.Lock()
        self._requests: queue.SimpleQueue[tuple[dict[str, Any], Reply]] = queue.SimpleQueue()
        self._open: dict[Any, Reply] = {}

    def next(self) -> tuple[dict[str, Any], Reply]:
        return self._requests.get()

    def say(self, message: dict[str, Any]) -> None:
        data = (json.dumps(message, default=str, separators=(",", ":")) + "\n").encode()
        with self._write_lock:
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                os._exit(1)  # nobody is listening any more

    def finish(self, request_id: Any, message: dict[str, Any]) -> None:
        self._open.pop(request_id, None)
        self.say(message)

    def read_until_closed(self, stream: BinaryIO) -> None:
        for line in iter(stream.readline, b""):
            if not line.strip():
                continue
            message = json.loads(line)
            if "cancel" in message:
                reply = self._open.get(message["cancel"])
                if reply is not None:
                    reply.cancel()
            else:
                reply = Reply(self, message["id"])
                self._open[message["id"]] = reply
                self._requests.put((message, reply))
