"""The states of the nodes of one build, over all its rounds, and the events that tell of them."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import Any, Callable, Iterable

from .errors import first_lines, is_locked

GOOD = {"success", "pass", "warn", "no-op", "reused"}


class Nodes:
    """Thread-safe: dbt's workers report to it while a round runs."""

    def __init__(self, emit: Callable[[dict[str, Any]], None], retries: int, cancelled: Callable[[], bool]) -> None:
        self._emit = emit
        self._retries = retries
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._attempts: dict[str, int] = {}
        self._started: dict[str, float] = {}
        self._states: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.warned: set[str] = set()
        self.failures: dict[str, dict[str, Any]] = {}
        self.rows = 0
        # Of the current round:
        self.to_retry: set[str] = set()
        self.held: set[str] = set()

    @property
    def announced(self) -> bool:
        return bool(self._states)

    def announce(self, nodes: Iterable[tuple[str, str]]) -> None:
        """The whole selection, in topological order; only in the first round."""
        listed = list(nodes)
        for node_id, kind in listed:
            self._states[node_id] = "queued"
            self.kinds[node_id] = kind
        self._emit({"type": "selected", "nodes": [{"id": node_id, "kind": kind} for node_id, kind in listed]})

    def next_round(self) -> set[str]:
        """The nodes that failed and may be tried again, with those that were skipped because of them."""
        with self._lock:
            again = self.to_retry | self.held
            self.to_retry, self.held = set(), set()
            return again

    def attempt(self, node_id: str) -> int:
        return self._attempts.get(node_id, 0)

    def started(self, node: Any) -> None:
        with self._lock:
            self._attempts[node.unique_id] = self._attempts.get(node.unique_id, 0) + 1
            self._started[node.unique_id] = time.time()
        self._report(node, "running")

    def finished(self, result: Any, causes: Callable[[], set[str]]) -> None:
        """A node's result. `causes` gives the nodes whose failure can have made dbt skip it."""
        node, status = result.node, str(result.status)
        message = None if result.message is None else first_lines(str(result.message))
        if node.is_ephemeral_model and status in GOOD:
            return
        if status in GOOD:
            rows = _rows(result)
            if status == "warn":
                self.warned.add(node.unique_id)
            if rows is not None and self.kinds.get(node.unique_id) not in ("test", "unit_test"):
                with self._lock:
                    self.rows += rows
            self._report(node, "success", rows=rows, message=message if status == "warn" else None)
        elif self._cancelled():
            self._report(node, "cancelled", message="The build was cancelled.")
        elif status == "skipped":
            self._skipped(node, causes())
        else:
            self._failed(node, result, status, message)

    def hook_failed(self, result: Any) -> None:
        """An on-run-start or on-run-end hook, which dbt only tells of in its results."""
        node = result.node
        self.kinds[node.unique_id] = "operation"
        message = first_lines(str(result.message or "failed"))
        self.failures[node.unique_id] = _failure(node, "operation", "hook", message)
        self._report(node, "failed", message=message)

    def close_round(self, manifest: Any) -> None:
        """Whatever dbt left out without a word (nodes after a failed on-run-start hook) ends as skipped."""
        for node_id, state in list(self._states.items()):
            if state in ("queued", "running") and node_id not in self.held and node_id not in self.to_retry:
                node = manifest.nodes.get(node_id) or manifest.unit_tests.get(node_id) or manifest.exposures.get(node_id)
                if node is not None:
                    self._report(node, "cancelled" if self._cancelled() else "upstream_failed")

    def summary(self) -> dict[str, Any]:
        states = list(self._states.values())
        count = lambda kind: sum(1 for value in self.kinds.values() if value == kind)  # noqa: E731
        return {
            "nodes": len(states),
            "models": count("model"),
            "tests": count("test") + count("unit_test"),
            "seeds": count("seed"),
            "snapshots": count("snapshot"),
            "passed": states.count("success") - len(self.warned),
            "warned": len(self.warned),
            "failed": states.count("failed"),
            "skipped": states.count("upstream_failed"),
            "cancelled": states.count("cancelled"),
            "rows": self.rows,
            "failures": list(self.failures.values())[:50],
        }

    def _skipped(self, node: Any, causes: set[str]) -> None:
        with self._lock:
            final = sorted(causes & set(self.failures))
            if not final and causes & self.to_retry:
                self.held.add(node.unique_id)
                return
        self._report(node, "upstream_failed", message=f"Skipped because of {final[0]}." if final else None)

    def _failed(self, node: Any, result: Any, status: str, message: str | None) -> None:
        kind = str(node.resource_type)
        text = message or status
        reason = _reason(status, text)
        again = reason == "run" and self.attempt(node.unique_id) <= self._retries
        with self._lock:
            if again:
                self.to_retry.add(node.unique_id)
            else:
                self.failures[node.unique_id] = _failure(node, kind, reason, text)
        rows = int(result.failures) if reason == "assertion" and result.failures is not None else None
        self._report(node, "up_for_retry" if again else "failed", rows=rows, message=text)

    def _report(self, node: Any, state: str, rows: int | None = None, message: str | None = None) -> None:
        node_id, now = node.unique_id, time.time()
        if node_id in self._states or state == "failed":
            self._states[node_id] = state
        started = self._started.get(node_id)
        event: dict[str, Any] = {
            "type": "node",
            "id": node_id,
            "kind": self.kinds.get(node_id) or str(node.resource_type),
            "state": state,
            "attempt": max(1, self.attempt(node_id)),
        }
        if started is not None and state != "upstream_failed":
            event["startedAt"] = datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            if state != "running":
                event["durationMs"] = round((now - started) * 1000)
        if rows is not None:
            event["rows"] = rows
        if message:
            event["message"] = message
        self._emit(event)


def _reason(status: str, message: str) -> str:
    """`assertion`: a test found rows. `compile`: the node's own code. `run`: the warehouse, which may think otherwise later."""
    if status == "fail":
        return "assertion"
    if is_locked(message):
        return "run"
    if message.startswith(("Compilation Error", "Parsing Error")) or "Parser Error:" in message:
        return "compile"
    return "run"


def _failure(node: Any, kind: str, reason: str, message: str) -> dict[str, Any]:
    failure = {"id": node.unique_id, "kind": kind, "reason": reason, "message": message}
    for key, value in (
        ("file", getattr(node, "original_file_path", None)),
        ("compiled", getattr(node, "compiled_path", None)),
    ):
        if value:
            failure[key] = value
    return failure


def _rows(result: Any) -> int | None:
    if str(result.node.resource_type) in ("test", "unit_test"):
        return int(result.failures) if str(result.status) == "warn" and result.failures is not None else None
    affected = (result.adapter_response or {}).get("rows_affected")
    if affected is None and str(result.node.resource_type) == "seed" and result.agate_table is not None:
        affected = len(result.agate_table.rows)
    return int(affected) if isinstance(affected, (int, float)) and affected >= 0 else None
