"""Launcher by child processes: a crash stays in its own process, and a cancel frees its memory."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from viseon.schema import Job, Scope

GRACE_S = 5.0
"""How long a cancelled job may tidy up before it is ended."""


class ProcessLauncher:
    """Starts `python -m viseon worker JOB` in a session of its own, so it outlives its starter."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment = dict(environment)
        self._logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, job: Job, scope: Scope) -> int | None:
        self._logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "viseon", "worker", job.id]
        command += ["--workspace", scope.workspace, "--principal", scope.principal.name]
        command += ["--role", scope.principal.role.value]
        with (self._logs / f"{job.id}.log").open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 (our own interpreter and arguments)
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | self._environment,
            )
        self._children[job.id] = child
        return child.pid

    def cancel(self, job: Job) -> None:
        process = self._process(job)
        if process is None:
            return
        family = [process, *process.children(recursive=True)]
        _signal(family, signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=GRACE_S)
        _signal(alive, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=GRACE_S)
        self._forget_ended()

    def alive(self, job: Job) -> bool:
        self._forget_ended()
        return self._process(job) is not None

    def _process(self, job: Job) -> psutil.Process | None:
        child = self._children.get(job.id)
        pid = child.pid if child is not None else job.pid
        if pid is None:
            return None
        try:
            process = psutil.Process(pid)
            running = process.status() != psutil.STATUS_ZOMBIE and job.id in process.cmdline()
        except psutil.NoSuchProcess:
            return None
        except psutil.AccessDenied:
            return None
        return process if running else None

    def _forget_ended(self) -> None:
        for id, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[id]


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
