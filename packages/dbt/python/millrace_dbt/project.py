"""The dbt project of this process: its settings, its parsed manifest, and one call into dbt."""

from __future__ import annotations

import gc
import json
import os
from typing import Any, Callable, Sequence

from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from . import warehouse
from .errors import MillraceError, from_dbt
# The warehouse file itself may stand in the project's folder, and changes with every build.
_READ_BY_DBT = (".sql", ".py", ".yml", ".yaml", ".csv", ".md", ".json")


class Project:
    def __init__(self, settings: dict[str, Any]) -> None:
        self.folder: str = settings["projectDir"]
        self.profiles: str = settings["profilesDir"]
        self.target_path: str = settings["targetPath"]
        self.threads: int | None = settings.get("threads")
        self._vars: dict[str, Any] = settings.get("vars") or {}
        self._log_path: str = settings["logPath"]
        self._log_level: str = settings.get("logLevel") or "info"
        self._target: str | None = settings.get("target")
        self._manifest: Manifest | None = None
        self._fingerprint: tuple[Any, ...] | None = None

    def vars(self, request: dict[str, Any]) -> dict[str, Any]:
        return {**self._vars, **(request.get("vars") or {})}

    def parse(self, request: dict[str, Any]) -> tuple[Manifest, bool]:
        """The parsed project, and whether it had to be parsed now. It is parsed again when a file or a var changed."""
        variables = self.vars(request)
        fingerprint = (json.dumps(variables, sort_keys=True), *self._files())
        if self._manifest is not None and fingerprint == self._fingerprint:
            return self._manifest, False
        self._manifest = None
        gc.unfreeze()
        outcome = self._invoke(None, ["parse"], ["--write-json"], variables, ())
        if not isinstance(outcome.result, Manifest):
            raise MillraceError("MR4302", "dbt parse gave no manifest.")
        warehouse.release()
        warehouse.count_rows()
        self._manifest, self._fingerprint = outcome.result, fingerprint
        _spare_the_collector()
        return self._manifest, True

    def invoke(
        self,
        request: dict[str, Any],
        command: Sequence[str],
        *,
        flags: Sequence[str] = ("--no-write-json",),
        callbacks: Sequence[Callable[[Any], None]] = (),
    ) -> dbtRunnerResult:
        """One dbt command on a copy of the manifest: dbt writes into the one that it is given, and would compile models
        on ephemeral ones wrongly the second time."""
        manifest, _ = self.parse(request)
        return self._invoke(manifest.deepcopy(), command, flags, self.vars(request), callbacks)

    def release(self) -> None:
        warehouse.release()

    def _invoke(
        self,
        manifest: Manifest | None,
        command: Sequence[str],
        flags: Sequence[str],
        variables: dict[str, Any],
        callbacks: Sequence[Callable[[Any], None]],
    ) -> dbtRunnerResult:
        arguments = [
            "--no-send-anonymous-usage-stats",
            "--no-version-check",
            "--no-use-colors",
            "--no-use-colors-file",
            *("--log-level", "none"),
            *("--log-level-file", self._log_level),
            *("--log-path", self._log_path),
            *flags,
            *command,
            *("--project-dir", self.folder),
            *("--profiles-dir", self.profiles),
            *("--target-path", self.target_path),
        ]
        if self._target is not None:
            arguments += ["--target", self._target]
        if variables:
            arguments += ["--vars", json.dumps(variables)]
        outcome = dbtRunner(manifest=manifest, callbacks=list(callbacks)).invoke(arguments)
        if outcome.exception is not None:
            raise from_dbt(outcome.exception, self.folder) from outcome.exception
        return outcome

    def _files(self) -> list[tuple[str, int, int]]:
        """Path, size and modification time of every file that dbt may read."""
        outputs = (self.target_path, self._log_path, *(os.path.join(self.folder, name) for name in ("target", "logs")))
        seen = {os.path.realpath(path) for path in outputs}
        found: list[tuple[str, int, int]] = []
        folders = [self.folder]
        while folders:
            folder = folders.pop()
            if os.path.realpath(folder) in seen:
                continue
            seen.add(os.path.realpath(folder))
            try:
                entries = list(os.scandir(folder))
            except OSError:
                continue
            for entry in entries:
                if entry.is_dir():
                    if not entry.name.startswith(".") and entry.name not in ("node_modules", "__pycache__"):
                        folders.append(entry.path)
                elif entry.name == ".dbtignore" or entry.name.endswith(_READ_BY_DBT):
                    found.append(_stamp(entry.path))
        found.append(_stamp(os.path.join(self.profiles, "profiles.yml")))
        return sorted(found)


def _spare_the_collector() -> None:
    """dbt's modules and the manifest stay: walking them at each collection costs a tenth of a build."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _stamp(path: str) -> tuple[str, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (path, -1, -1)
    return (path, status.st_size, status.st_mtime_ns)


def selection(request: dict[str, Any]) -> list[str]:
    """`--select` and `--exclude` of a request. Refuses what dbt would take for an option."""
    arguments: list[str] = []
    for name in ("select", "exclude"):
        patterns = request.get(name) or []
        for pattern in patterns:
            if not pattern.strip() or pattern.startswith("-"):
                raise MillraceError("MR4003", f"{pattern!r} in {name} is no dbt selection.", subject=name, retryable=False)
        if patterns:
            arguments += [f"--{name}", *patterns]
    return arguments
