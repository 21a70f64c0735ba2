"""The build: dbt's own `build` for the whole selection, and again for the nodes that failed, in this process.

dbt's build task is extended at three places that dbt's own `retry` command uses too: which nodes are in the queue (minus
those that an earlier attempt finished), and what happens before and after a node runs. Everything else is dbt.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import dbt.task.build
import networkx
from dbt.graph import GraphQueue
from dbt.task.build import BuildTask
from dbt.task.run import MicrobatchBatchRunner

from . import warehouse
from .channel import Reply
from .errors import MillraceError, first_lines
from .nodes import Nodes
from .project import Project, selection

_DUPLICATES = {"LogTestResult", "RunResultWarning", "RunResultWarningMessage", "NothingToDo", "NoNodesSelected"}


def run(project: Project, request: dict[str, Any], reply: Reply) -> dict[str, Any]:
    started = time.perf_counter()
    nodes = Nodes(reply.event, int(request.get("nodeRetries") or 0), lambda: reply.cancelled)
    completed = set(request.get("completed") or [])
    finished = threading.Event()
    reply.on_cancel(lambda: threading.Thread(target=_interrupt_until, args=(finished,), daemon=True).start())
    resumed: set[str] = set()
    only: set[str] | None = None
    number = 1
    try:
        while True:
            _round(project, request, reply, nodes, completed, resumed, only)
            if reply.cancelled:
                break
            only = nodes.next_round()
            if not only:
                break
            project.release()
            reply.wait_for_cancel(_pause(request, number))
            number += 1
    finally:
        finished.set()
        project.release()
    summary = nodes.summary()
    if reply.cancelled:
        raise MillraceError(
            "MR4301",
            f"The dbt build was cancelled after {summary['passed'] + summary['warned']} of {summary['nodes']} nodes.",
            facts={key: summary[key] for key in ("nodes", "passed", "failed", "cancelled")},
        )
    return {
        **summary,
        "resumed": len(resumed),
        "rounds": number,
        "durationMs": round((time.perf_counter() - started) * 1000),
    }


def _round(
    project: Project,
    request: dict[str, Any],
    reply: Reply,
    nodes: Nodes,
    completed: set[str],
    resumed: set[str],
    only: set[str] | None,
) -> None:
    """One `dbt build`. Waits for the warehouse file while another process holds it."""
    threads = request.get("threads") or project.threads
    command = ["build", *selection(request)]
    if threads is not None:
        command += ["--threads", str(threads)]
    if request.get("fullRefresh"):
        command.append("--full-refresh")
    task = _task(nodes, completed, resumed, only, lambda: reply.cancelled)
    lock_wait = (request.get("lockWaitMs") if request.get("lockWaitMs") is not None else 10_000) / 1000
    deadline = time.monotonic() + lock_wait
    while True:
        try:
            with _build_task(task):
                outcome = project.invoke(request, command, callbacks=[_warnings(reply)])
            break
        except MillraceError as error:
            if reply.cancelled:
                return
            if error.reply["code"] != "MR4201" or time.monotonic() >= deadline:
                raise
            project.release()
            reply.wait_for_cancel(0.1)
    for result in getattr(outcome.result, "results", None) or []:
        if str(result.node.resource_type) == "operation" and str(result.status) not in ("success", "pass", "skipped"):
            nodes.hook_failed(result)
    manifest, _ = project.parse(request)
    nodes.close_round(manifest)


def _task(
    nodes: Nodes, completed: set[str], resumed: set[str], only: set[str] | None, cancelled: Callable[[], bool]
) -> type[BuildTask]:
    class RecordedBuild(BuildTask):
        def get_graph_queue(self) -> GraphQueue:
            if only is None:
                queue = super().get_graph_queue()
                selected = {str(node) for node in queue.get_selected_nodes()} | {str(t) for t in self.selected_unit_tests}
                # dbt runs unit tests with their model only: of a selection of nothing else it does nothing, without a word.
                if not selected or not selected - set(self.manifest.unit_tests):
                    raise MillraceError(
                        "MR4003",
                        "The selection of this build matches no node of the dbt project"
                        + (" but unit tests, which run with their model." if selected else "."),
                        hint="`dbt list --select …` shows what a selection matches.",
                        facts={"select": list(self.selection_arg or []), "exclude": list(self.exclusion_arg or [])},
                        retryable=False,
                    )
                resumed.update(selected & completed)
                wanted = selected - completed
            else:
                wanted = set(only) | {n.unique_id for n in self.manifest.nodes.values() if n.is_ephemeral_model}
            units = {node for node in wanted if node in self.manifest.unit_tests}
            units = {node for node in units if self.manifest.unit_tests[node].depends_on.nodes[0] in wanted}
            in_queue = {node for node in wanted if node not in self.manifest.unit_tests}
            self.selected_unit_tests = units
            self.build_model_to_unit_test_map(units)
            graph = self.graph.get_subset_graph(in_queue).graph
            if not nodes.announced:
                nodes.announce(self._in_order(graph))
            return GraphQueue(graph, self.manifest, in_queue)

        def call_runner(self, runner: Any) -> Any:
            if isinstance(runner, MicrobatchBatchRunner):
                return super().call_runner(runner)
            node = runner.node
            if cancelled() and not runner.skip:
                runner.do_skip(cause=None)
            if not runner.skip and not node.is_ephemeral_model:
                nodes.started(node)
            result = super().call_runner(runner)
            nodes.finished(result, lambda: self._causes(node.unique_id))
            return result

        def _in_order(self, graph: Any) -> Iterator[tuple[str, str]]:
            for node_id in networkx.lexicographical_topological_sort(graph):
                for unit in sorted(self.model_to_unit_test_map.get(node_id, [])):
                    yield unit, "unit_test"
                node = self.manifest.expect(node_id)
                if not node.is_ephemeral_model:
                    yield node_id, str(node.resource_type)

        def _causes(self, node_id: str) -> set[str]:
            models = networkx.ancestors(self.graph.graph, node_id) if node_id in self.graph.graph else set()
            unit = self.manifest.unit_tests.get(node_id)
            if unit is not None:
                models = models | {unit.depends_on.nodes[0], *networkx.ancestors(self.graph.graph, unit.depends_on.nodes[0])}
            models = models | {node_id}
            return models | {unit for model in models for unit in self.model_to_unit_test_map.get(model, [])}

    return RecordedBuild


@contextmanager
def _build_task(task: type[BuildTask]) -> Iterator[None]:
    """dbt's command looks its task up when it is called."""
    original = dbt.task.build.BuildTask
    dbt.task.build.BuildTask = task  # type: ignore[misc]
    try:
        yield
    finally:
        dbt.task.build.BuildTask = original  # type: ignore[misc]


def _warnings(reply: Reply) -> Callable[[Any], None]:
    """dbt's own warnings (deprecations, unused configurations); results of nodes have their own events."""

    def forward(message: Any) -> None:
        if message.info.level == "warn" and message.info.name not in _DUPLICATES:
            reply.event({"type": "log", "level": "warn", "name": message.info.name, "message": first_lines(message.info.msg)})

    return forward


def _pause(request: dict[str, Any], number: int) -> float:
    first = request.get("retryDelayMs")
    return min((500 if first is None else first) * 2 ** (number - 1), 30_000) / 1000


def _interrupt_until(finished: threading.Event) -> None:
    """A statement may begin just after an interrupt, so it is repeated until the build has drained."""
    while not finished.is_set():
        warehouse.interrupt()
        finished.wait(0.1)
