"""Streams: configure, check, start, stop, look back."""

from collections.abc import Callable
from functools import partial
from typing import Any

from viseon.operation import Limit, operation
from viseon.ports import Catalog, Records
from viseon.schema import (
    Clock,
    Conflict,
    Model,
    Name,
    NotFound,
    Page,
    Role,
    Stream,
    StreamConfig,
    StreamPlugin,
    StreamState,
)
from viseon.streams import reference
from viseon.streams.bus import Status
from viseon.streams.check import check
from viseon.streams.document import read

_RESERVED = {"check", "plugins", "schema"}
"""Names that are addresses of their own."""


Newest = Callable[[str], Status | None]
"""The last word heard from a stream, where it runs under this very process."""


class Streams:
    """Pipelines from a source to events, each described by one YAML document."""

    def __init__(self, catalog: Catalog, now: Clock, *, newest: Newest | None = None) -> None:
        self._catalog, self._now, self._newest = catalog, now, newest

    @operation("GET", "/streams", needs=Role.VIEWER)
    def find(self, *, cursor: str = "", limit: Limit = 50) -> Page[Stream]:
        """All streams, by name."""
        with self._catalog.read() as records:
            found = records.find(Stream, after=cursor, limit=limit + 1)
        more = found[limit - 1].name if len(found) > limit else None
        return Page[Stream](items=tuple(self._live(s) for s in found[:limit]), next=more)

    @operation("POST", "/streams", needs=Role.EDITOR)
    def apply(self, *, document: str, filename: str = "stream.yaml", directory: str = "") -> Stream:
        """Store a stream's YAML (or JSON) after checking it; a running stream goes over to it.

        `filename` is for messages; relative paths in the document begin at `directory`. Applying
        the same again changes nothing.
        """
        drafted, config = self._drafted(document, filename, directory)
        with self._catalog.transaction() as records:
            known = records.seek(Stream, drafted.name)
            latest = _latest(records, drafted.name)
            if known and latest and _same(latest, config):
                return known
            number = latest.number + 1 if latest else 1
            records.put(
                _config_key(config.stream, number), config.model_copy(update={"number": number})
            )
            stream = drafted.model_copy(update={"number": number})
            if known is not None:
                kept = {"desired": known.desired, "state": known.state, "pid": known.pid}
                stream = stream.model_copy(update=kept)
            records.put(stream.name, stream)
        return stream

    @operation("POST", "/streams/check", needs=Role.VIEWER)
    def check(self, *, document: str, filename: str = "stream.yaml") -> Stream:
        """What `apply` would store, without storing it. Invalid names file, line, key and fix."""
        return self._drafted(document, filename, "")[0]

    @operation("GET", "/streams/schema", needs=Role.VIEWER)
    def schema(self) -> dict[str, Any]:
        """JSON Schema of a stream's YAML, with the options of every installed plugin."""
        return reference.schema()

    @operation("GET", "/streams/plugins", needs=Role.VIEWER)
    def plugins(self, *, cursor: str = "", limit: Limit = 100) -> Page[StreamPlugin]:
        """The sources, trackers and sinks that are installed, and their options."""
        everything = sorted(reference.installed(), key=_plugin_key)
        rest = [p for p in everything if _plugin_key(p) > cursor]
        more = _plugin_key(rest[limit - 1]) if len(rest) > limit else None
        return Page[StreamPlugin](items=tuple(rest[:limit]), next=more)

    @operation("GET", "/streams/{stream}", needs=Role.VIEWER)
    def get(self, stream: Name) -> Stream:
        """One stream: its configuration, what it is doing, its counts."""
        with self._catalog.read() as records:
            return self._live(_get(records, stream))

    @operation("GET", "/streams/{stream}/history", needs=Role.VIEWER)
    def history(self, stream: Name, *, cursor: str = "", limit: Limit = 50) -> Page[StreamConfig]:
        """Every configuration applied under this name, newest first; also of a removed stream."""
        with self._catalog.read() as records:
            found = records.find(
                StreamConfig,
                prefix=f"{stream}@",
                after=cursor,
                limit=limit + 1,
                newest_first=True,
            )
            if not found and not cursor:
                _get(records, stream)
        last = found[limit - 1] if len(found) > limit else None
        return Page[StreamConfig](
            items=tuple(found[:limit]), next=_config_key(stream, last.number) if last else None
        )

    @operation("POST", "/streams/{stream}/start", needs=Role.EDITOR)
    def start(self, stream: Name) -> Stream:
        """Ask it to run, from the source's beginning; the server's supervisor sees to it."""
        return self._asked(stream, "running", StreamState.STARTING)

    @operation("POST", "/streams/{stream}/stop", needs=Role.EDITOR)
    def stop(self, stream: Name) -> Stream:
        """Ask it to finish what it has and stop."""
        return self._asked(stream, "stopped", StreamState.STOPPED)

    @operation("DELETE", "/streams/{stream}", needs=Role.EDITOR)
    def remove(self, stream: Name) -> None:
        """Forget a stream that is not running. Its events and its past configurations stay."""
        with self._catalog.transaction() as records:
            known = _get(records, stream)
            if known.desired == "running" and not known.state.ended:
                raise Conflict(f"stream {stream!r} is running", fix="stop it first")
            records.remove(Stream, stream)

    def _drafted(self, text: str, filename: str, directory: str) -> tuple[Stream, StreamConfig]:
        document = read(text, name=filename)
        with self._catalog.read() as records:
            spec, model = check(document, partial(_find_model, records))
        if spec.stream in _RESERVED:
            raise document.error(("stream",), f"{spec.stream!r} is reserved", fix="choose another")
        now = self._now()
        config = StreamConfig(
            stream=spec.stream,
            number=1,
            config=spec.digest(model),
            model=model.ref,
            model_digest=model.digest,
            document=spec.canonical(),
            text=text,
            directory=directory,
            applied=now,
        )
        stream = Stream(
            name=spec.stream,
            config=config.config,
            model=model.ref,
            document=config.document,
            directory=directory,
            updated=now,
        )
        return stream, config

    def _asked(self, name: str, desired: str, state: StreamState) -> Stream:
        with self._catalog.transaction() as records:
            known = _get(records, name)
            if known.desired == desired and (desired == "stopped" or not known.state.ended):
                return known
            changes: dict[str, Any] = {"desired": desired, "updated": self._now(), "reason": ""}
            if desired == "running":
                changes |= {"state": state, "frames": 0, "fps": 0.0, "counts": {}, "restarts": 0}
                changes["reason"] = "waits for the supervisor of `viseon serve`"
            elif known.pid is None and not known.state.ended:
                changes["state"] = state
            stream = known.model_copy(update=changes)
            records.put(name, stream)
        return stream

    def _live(self, stream: Stream) -> Stream:
        """With the newest figures; the catalog has them only now and then."""
        status = self._newest(stream.name) if self._newest else None
        if status is None or stream.state.ended or status.state.ended:
            return stream
        return stream.model_copy(
            update={"frames": status.frames, "fps": status.fps, "counts": status.counts}
        )


def _get(records: Records, name: str) -> Stream:
    known = records.seek(Stream, name)
    if known is None:
        raise NotFound(f"no stream named {name!r}", fix="apply its YAML first")
    return known


def _latest(records: Records, name: str) -> StreamConfig | None:
    found = records.find(StreamConfig, prefix=f"{name}@", limit=1, newest_first=True)
    return found[0] if found else None


def _same(a: StreamConfig, b: StreamConfig) -> bool:
    decides = {"config", "model", "document", "directory"}
    return all(getattr(a, name) == getattr(b, name) for name in decides)


def _config_key(stream: str, number: int) -> str:
    return f"{stream}@{number:08d}"


def _plugin_key(plugin: StreamPlugin) -> str:
    return f"{plugin.kind}.{plugin.name}"


def _find_model(records: Records, name: str, which: str) -> Model:
    """By number or tag. Raises NotFound that says what there is."""
    found = records.find(Model, prefix=f"{name}@", newest_first=True)
    if not found:
        fix = "register it with `viseon models add`; `viseon models find` lists what there is"
        raise NotFound(f"no model named {name!r} is registered", fix=fix)
    for model in found:
        if which in (str(model.number), *model.tags):
            return model
    known = ", ".join(m.ref for m in found[:5])
    tags = ", ".join(f"{name}@{t}" for m in found for t in m.tags)
    raise NotFound(
        f"model {name!r} has no {which!r}", fix=f"there is {known}" + (f", {tags}" if tags else "")
    )
