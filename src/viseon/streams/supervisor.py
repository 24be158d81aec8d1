"""Keeps the streams running that should run, each in a process of its own."""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

from viseon.operation import bookkeeping
from viseon.ports import Catalog
from viseon.schema import Clock, Noun, Stream, StreamState
from viseon.streams.bus import Status, read_messages
from viseon.streams.hub import Hub, Key

log = logging.getLogger(__name__)

Spawn = Callable[[str, str], "Popen[bytes]"]
"""(workspace, stream) → its process, with pipes on standard input and output."""

Catalogs = Callable[[], Mapping[str, Catalog]]
"""Every workspace's catalog, by the workspace's name."""


class Patience(Noun):
    """How much a stream may fail before it is given up."""

    restarts: int = 5
    """In a row."""
    first_wait_s: float = 1.0
    """Before the first restart; each further one waits twice as long, up to a minute."""
    healthy_s: float = 300.0
    """Having run for so long, a stream starts again with a clean slate."""
    stop_s: float = 15.0
    """How long it may take to finish its files before it is killed."""
    record_s: float = 5.0
    """How often the catalog hears the figures of a stream that just runs."""


@dataclass(slots=True)
class _Child:
    process: "Popen[bytes]"
    reader: threading.Thread
    number: int
    """Of the configuration it runs."""
    born_s: float
    recorded_s: float
    status: Status | None = None
    watched: bool = False
    told_to_stop_s: float | None = None


@dataclass(slots=True)
class _Wait:
    restarts: int
    until_s: float


class Supervisor:
    """Makes what is what was asked for. `tick` often, from one thread; `close` at the end."""

    def __init__(
        self,
        catalogs: Catalogs,
        spawn: Spawn,
        hub: Hub,
        now: Clock,
        *,
        patience: Patience = Patience(),  # noqa: B008  # frozen
    ) -> None:
        self._catalogs, self._spawn, self._hub, self._now = catalogs, spawn, hub, now
        self._patience = patience
        self._children: dict[Key, _Child] = {}
        self._waits: dict[Key, _Wait] = {}

    def run(self, stop: threading.Event, *, every_s: float = 0.25) -> None:
        """Tick until `stop` is set, then end all children."""
        try:
            while not stop.wait(every_s):
                self.tick()
        finally:
            self.close()

    def tick(self) -> None:
        """Start, stop and replace children, and write down how they are."""
        for workspace, catalog in self._catalogs().items():
            with catalog.read() as records:
                wanted = {s.name: s for s in records.find(Stream, where={"desired": "running"})}
            here = [key for key in self._children if key[0] == workspace]
            for key in here:
                self._look_after(key, catalog, wanted.get(key[1]))
            for name, stream in wanted.items():  # as read before: one that ended now may not be
                if (workspace, name) not in here:
                    self._see_to((workspace, name), catalog, stream)

    def close(self) -> None:
        """End all children as `stop` would; they are wanted again when a supervisor next starts."""
        for child in self._children.values():
            self._tell_to_stop(child)
        catalogs = self._catalogs()
        for key, child in list(self._children.items()):
            self._await(child)
            del self._children[key]
            self._hub.forget(*key)
            if key[0] in catalogs:
                told = "the server was shut down; it goes on with the next start"
                state = child.status.state if child.status else StreamState.STOPPED
                ended = self._figures(child) | {"pid": None, "state": StreamState.STARTING}
                if state is StreamState.DONE:
                    ended |= {"state": state, "desired": "stopped", "reason": ""}
                else:
                    ended |= {"reason": told}
                self._record(key, catalogs[key[0]], ended)

    def _see_to(self, key: Key, catalog: Catalog, stream: Stream) -> None:
        """A stream that should run: does it?"""
        wait = self._waits.get(key)
        if wait is not None and stream.restarts == 0:
            del self._waits[key]  # somebody asked again: a clean slate
        elif wait is not None and time.monotonic() < wait.until_s:
            return
        try:
            process = self._spawn(*key)
        except OSError as error:
            reason = f"its process cannot be started: {error.strerror or error}"
            self._give_up(key, catalog, reason)
            return
        now_s = time.monotonic()
        reader = threading.Thread(target=self._read, args=(key, process), daemon=True)
        child = _Child(process, reader, stream.number, now_s, now_s)
        self._children[key] = child
        reader.start()
        log.info("stream.started", extra={"stream": stream.name, "child": process.pid})
        self._record(
            key, catalog, {"state": StreamState.STARTING, "pid": process.pid, "reason": ""}
        )

    def _look_after(self, key: Key, catalog: Catalog, stream: Stream | None) -> None:
        """A child that exists: should it, and does it live?"""
        child = self._children[key]
        if child.process.poll() is not None:
            child.reader.join(5.0)
            del self._children[key]
            self._hub.forget(*key)
            _close_pipes(child)
            self._mourn(key, catalog, child, stream)
        elif stream is None or stream.number != child.number:
            self._tell_to_stop(child)
            if self._overdue(child):
                child.process.kill()
        else:
            self._keep(key, catalog, child, stream)

    def _keep(self, key: Key, catalog: Catalog, child: _Child, stream: Stream) -> None:
        watched = self._hub.watched(*key)
        if watched != child.watched:
            child.watched = watched
            _say(child, b"watch\n" if watched else b"ignore\n")
        if child.status is None or child.status.state is not StreamState.RUNNING:
            return
        now_s = time.monotonic()
        begun = stream.state is not StreamState.RUNNING
        if begun or now_s - child.recorded_s >= self._patience.record_s:
            child.recorded_s = now_s
            figures = self._figures(child) | {"state": StreamState.RUNNING, "reason": ""}
            self._record(key, catalog, figures | {"pid": child.process.pid})

    def _mourn(self, key: Key, catalog: Catalog, child: _Child, stream: Stream | None) -> None:
        """A child has ended: is that an end, a wish, or an accident?"""
        status = child.status
        figures = self._figures(child) | {"pid": None}
        if stream is None or stream.number != child.number:
            if stream is None:
                self._record(key, catalog, figures | _how_it_stopped(child))
        elif status is not None and status.state is StreamState.DONE:
            done = {"state": status.state, "desired": "stopped", "reason": ""}
            self._record(key, catalog, figures | done)
        elif status is not None and status.state is StreamState.FAILED and not status.again:
            self._record(key, catalog, figures)
            self._give_up(key, catalog, status.reason)
        else:
            self._try_again(key, catalog, child, stream)

    def _try_again(self, key: Key, catalog: Catalog, child: _Child, stream: Stream) -> None:
        reason = _cause(child)
        wait = self._waits.get(key)
        healthy = time.monotonic() - child.born_s >= self._patience.healthy_s
        restarts = 1 if wait is None or healthy else wait.restarts + 1
        if restarts > self._patience.restarts:
            self._give_up(key, catalog, f"{reason}; given up after {restarts - 1} restarts")
            return
        wait_s = min(60.0, self._patience.first_wait_s * 2 ** (restarts - 1))
        self._waits[key] = _Wait(restarts, time.monotonic() + wait_s)
        log.warning("stream.lost", extra={"stream": stream.name, "reason": reason})
        again = f"{reason}; restart {restarts} of {self._patience.restarts}"
        starting = {"state": StreamState.STARTING, "reason": again, "restarts": restarts}
        self._record(key, catalog, self._figures(child) | starting | {"pid": None})

    def _give_up(self, key: Key, catalog: Catalog, reason: str) -> None:
        self._waits.pop(key, None)
        failed = {"state": StreamState.FAILED, "desired": "stopped", "reason": reason}
        self._record(key, catalog, failed | {"pid": None})

    def _record(self, key: Key, catalog: Catalog, changes: dict[str, Any]) -> None:
        with bookkeeping(), catalog.transaction() as records:
            known = records.seek(Stream, key[1])
            if known is not None:
                changed = known.model_copy(update=changes | {"updated": self._now()})
                records.put(key[1], changed)

    def _figures(self, child: _Child) -> dict[str, Any]:
        status = child.status
        if status is None:
            return {}
        return {"frames": status.frames, "fps": status.fps, "counts": status.counts}

    def _read(self, key: Key, process: "Popen[bytes]") -> None:
        """In a thread: everything the child says, until it says no more."""
        if process.stdout is None:
            return
        for message in read_messages(process.stdout):
            if isinstance(message, Status):
                child = self._children.get(key)
                if child is not None and child.process is process:
                    child.status = message
            self._hub.publish(*key, message)

    def _tell_to_stop(self, child: _Child) -> None:
        if child.told_to_stop_s is None:
            child.told_to_stop_s = time.monotonic()
            _say(child, b"stop\n")

    def _overdue(self, child: _Child) -> bool:
        told_s = child.told_to_stop_s
        return told_s is not None and time.monotonic() - told_s > self._patience.stop_s

    def _await(self, child: _Child) -> None:
        while child.process.poll() is None:
            if self._overdue(child):
                child.process.kill()
            time.sleep(0.02)
        child.reader.join(5.0)
        _close_pipes(child)


def _say(child: _Child, words: bytes) -> None:
    if child.process.stdin is None:
        return
    with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile; the next tick sees
        child.process.stdin.write(words)
        child.process.stdin.flush()


def _close_pipes(child: _Child) -> None:
    for pipe in (child.process.stdin, child.process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _how_it_stopped(child: _Child) -> dict[str, Any]:
    if child.status is None or not child.status.state.ended:
        reason = "" if child.process.returncode == 0 else _cause(child)
        return {"state": StreamState.STOPPED, "reason": reason}
    return {"state": child.status.state, "reason": child.status.reason}


def _cause(child: _Child) -> str:
    status, code = child.status, child.process.returncode
    if status is not None and status.state is StreamState.FAILED:
        return status.reason
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with code {code}"
