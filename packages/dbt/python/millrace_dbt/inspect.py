"""Operations that do not build: parse, list, compile, docs."""

from __future__ import annotations

import json
import os
from typing import Any

from .errors import MillraceError, first_lines
from .project import Project, selection

RUNNABLE = {"model", "test", "seed", "snapshot", "unit_test", "saved_query", "exposure", "function"}


def parse(project: Project, request: dict[str, Any]) -> dict[str, Any]:
    manifest, parsed = project.parse(request)
    return {"nodes": len(manifest.nodes), "parsed": parsed}


def list_nodes(project: Project, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes that a build with this selection would run, with what each depends on."""
    manifest, _ = project.parse(request)
    arguments = selection(request)
    chosen: set[str] | None = None
    if arguments:
        outcome = project.invoke(request, ["list", "--output", "json", "--output-keys", "unique_id", *arguments])
        chosen = {json.loads(line)["unique_id"] for line in outcome.result or []}
    members = [*manifest.nodes.values(), *manifest.unit_tests.values(), *manifest.exposures.values()]
    return [
        {
            "id": node.unique_id,
            "name": node.name,
            "kind": str(node.resource_type),
            "path": node.original_file_path,
            "dependsOn": sorted(set(getattr(node.depends_on, "nodes", ()))),
            "materialized": getattr(node.config, "materialized", None),
        }
        for node in sorted(members, key=lambda node: node.unique_id)
        if str(node.resource_type) in RUNNABLE and (chosen is None or node.unique_id in chosen)
    ]


def compile_nodes(project: Project, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Compiles the selection and gives the SQL of each node."""
    try:
        outcome = project.invoke(request, ["compile", *_threads(project, request), *selection(request)])
    finally:
        project.release()
    results = getattr(outcome.result, "results", None) or []
    failed = [result for result in results if str(result.status) == "error"]
    if failed:
        raise MillraceError(
            "MR4103",
            f"{failed[0].node.unique_id} does not compile: {first_lines(failed[0].message or '')}",
            subject=failed[0].node.unique_id,
            facts={"failed": [result.node.unique_id for result in failed]},
            retryable=False,
        )
    return [
        {"id": result.node.unique_id, "sql": getattr(result.node, "compiled_code", None)}
        for result in results
        if getattr(result.node, "compiled_code", None)
    ]


def docs(project: Project, request: dict[str, Any]) -> dict[str, Any]:
    """Generates dbt's documentation site into the target path, also as one self-contained file."""
    try:
        outcome = project.invoke(
            request, ["docs", "generate", "--static", *_threads(project, request), *selection(request)], flags=("--write-json",)
        )
    finally:
        project.release()
    catalog = outcome.result
    if not outcome.success:
        problems = getattr(catalog, "errors", None) or ["a model does not compile; see dbt's log file"]
        raise MillraceError("MR4105", f"dbt could not generate the documentation: {first_lines(str(problems[0]))}")
    path = lambda name: os.path.join(project.target_path, name)  # noqa: E731
    return {
        "index": path("index.html"),
        "static": path("static_index.html"),
        "catalog": path("catalog.json"),
        "manifest": path("manifest.json"),
        "tables": len(getattr(catalog, "nodes", None) or {}),
        "sources": len(getattr(catalog, "sources", None) or {}),
    }


def _threads(project: Project, request: dict[str, Any]) -> list[str]:
    threads = request.get("threads") or project.threads
    return [] if threads is None else ["--threads", str(threads)]
