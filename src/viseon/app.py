"""The composition root: the only place where settings become objects."""

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Any, TypeVar

from viseon.adapters.blobs.choose import open_blobs
from viseon.adapters.images.opencv import OpencvImages
from viseon.adapters.launchers.inline import InlineLauncher
from viseon.adapters.launchers.process import ProcessLauncher
from viseon.adapters.probes.host import HostProbe, resident_mb
from viseon.adapters.sql import Store, open_store
from viseon.adapters.tracing.otlp import exporting
from viseon.assembly import Assembly
from viseon.jobs import Dispatcher, JobReport, Jobs, OnceByCatalog, follow, work
from viseon.operation import Binding, Operation, bind, operations, perform
from viseon.platform import SERVICES, Platform
from viseon.plugins import find as find_plugin
from viseon.ports import Catalog, EventLog, Launcher, Preview
from viseon.schema import (
    Forbidden,
    Invalid,
    Job,
    NotFound,
    Principal,
    Role,
    Scope,
    Stream,
    Unauthorized,
    Workspace,
)
from viseon.settings import Settings
from viseon.storage import guarded

if TYPE_CHECKING:  # at run time each loads when it is first used
    from viseon.deployments import ModelServer
    from viseon.models import LoadedModel
    from viseon.rest.fetch import Fetcher
    from viseon.streams import Hub, OnMessage, Status, Supervisor

T = TypeVar("T")

LOCAL = Scope(principal=Principal(name="local", role=Role.ADMIN))
"""Whoever sits at this machine."""

_REGISTRY = Scope(principal=Principal(name="viseon", role=Role.ADMIN), workspace="viseon-registry")
"""Where tokens and the list of workspaces live; nobody can enter it."""


class House:
    """The long-lived parts, built once; `platform` binds them to a caller."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        try:
            settings.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Invalid(
                f"home: cannot create {settings.home}: {error.strerror}", fix="set VISEON_HOME"
            ) from error
        url = settings.database or f"sqlite:///{settings.home / 'viseon.db'}"
        self.store: Store = open_store(url)
        self.probe = HostProbe(settings.home)
        self._made: dict[str, Any] = {}
        self._making = threading.Lock()
        self._blobs = open_blobs(
            settings.blobs,
            settings.home / "blobs",
            key=settings.encryption_key,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
        )

    def platform(self, scope: Scope = LOCAL) -> Platform:
        """Everything, for one principal in one workspace. Cheap: services are made when used."""
        catalog = self.store.catalog(scope)
        blobs = self._blobs(scope.workspace)
        jobs = Jobs(
            catalog, scope, self.launcher, self.probe, self._dispatcher(catalog, scope), now
        )
        binding = Binding(
            scope=scope,
            submit=jobs.submit,
            once=OnceByCatalog(catalog, scope, now),
            follow=partial(follow, jobs),
        )
        bind(jobs, binding)
        assembly = Assembly(
            binding=binding,
            catalog=catalog,
            registry=self._registry,
            blobs=blobs,
            images=OpencvImages,
            events=self.event_log(scope),
            jobs=jobs,
            hub=lambda: self.hub,
            model_server=lambda: self.model_server,
            uploads=self.uploads(scope),
            now=now,
        )
        return Platform(guarded(blobs, catalog), assembly.service)

    def admit(self, secret: str, workspace: str | None) -> Scope:
        """Whom a token stands for. Raises Unauthorized or Forbidden."""
        if secret:
            from viseon.access import authenticate

            scope = authenticate(self._registry, secret)
        elif self.settings.auth == "open":
            scope = LOCAL
        else:
            raise Unauthorized(
                "this server wants a token",
                fix="send `Authorization: Bearer …`; make one with `viseon access create-token`",
            )
        return scope if workspace is None else self._entered(scope, workspace)

    def local(self, workspace: str | None = None) -> Scope:
        """Whoever sits at this machine, in a workspace. Raises NotFound."""
        return LOCAL if workspace is None else self._entered(LOCAL, workspace)

    def tick(self) -> None:
        """Look after the jobs of every workspace."""
        for name, catalog in self.catalogs().items():
            self._dispatcher(catalog, _system(name)).tick()

    def supervisor(self) -> "Supervisor":
        """What keeps the streams running that should run, each in a process of its own."""
        from viseon.streams import Supervisor

        return Supervisor(self.catalogs, self._spawn_stream, self.hub, now)

    @property
    def hub(self) -> "Hub":
        """What the streams of this process's supervisor are saying."""
        from viseon.streams import Hub

        return self._one("hub", Hub)

    def catalogs(self) -> dict[str, Catalog]:
        """Every workspace's catalog, for those who look after all of them."""
        with self._registry.read() as records:
            names = [w.name for w in records.find(Workspace)]
        return {name: self.store.catalog(_system(name)) for name in [LOCAL.workspace, *names]}

    def uploads(self, scope: Scope) -> Path:
        """Where files that clients are sending wait until they are whole."""
        return self.settings.home / "uploads" / scope.workspace

    def event_log(self, scope: Scope) -> EventLog:
        """The events of one workspace."""
        return self.store.events(scope)

    def run_job(self, id: str, scope: Scope, *, stop: threading.Event | None = None) -> Job:
        """Run a job in this process, to its end; `stop` asks its body to leave."""
        catalog = self.store.catalog(scope)
        with catalog.read() as records:
            job = records.get(Job, id)
        op = _operation(job.operation)
        service = getattr(self.platform(scope), op.noun)
        report = JobReport(catalog, now, id, stop)
        return work(
            catalog, now, id, lambda r: perform(service, op, job.arguments, r), report=report
        )

    def run_stream(
        self,
        stream: Stream,
        scope: Scope = LOCAL,
        *,
        on_message: "OnMessage" = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
        preview: Preview | None = None,
    ) -> "Status":
        """Run a stream in this process until its source ends or `stopped` says so."""
        from viseon.streams import Parts, run_stream

        folder = self.settings.home / "files" / scope.workspace
        folder.mkdir(parents=True, exist_ok=True)
        parts = Parts(
            catalog=self.store.catalog(scope),
            blobs=self._blobs(scope.workspace),
            events=self.event_log(scope),
            images=OpencvImages(),
            directory=folder,
            preview=preview,
            within=(folder,) if self.settings.auth == "token" else (),
        )
        return run_stream(parts, stream, on_message=on_message, stopped=stopped)

    def tracing(self) -> AbstractContextManager[None]:
        """Sends spans where `OTEL_…` says, while the block runs. Raises Unavailable, Invalid."""
        return exporting(os.environ)

    def close(self) -> None:
        """Answer what was accepted, then let go of the models and the database."""
        if "model_server" in self._made:
            self.model_server.close()
        self.store.close()

    @cached_property
    def fetcher(self) -> "Fetcher | None":
        """What may fetch pictures for predictions; None unless hosts are named."""
        from viseon.rest.fetch import Fetcher

        hosts = [host.strip() for host in self.settings.fetch_hosts.split(",") if host.strip()]
        return Fetcher(hosts) if hosts else None

    @property
    def model_server(self) -> "ModelServer":
        """The models that answer predictions in this process."""
        from viseon.deployments import ModelServer, Pool

        def make() -> ModelServer:
            pool = Pool(budget_mb=self.settings.models_mb, resident_mb=resident_mb)
            return ModelServer(OpencvImages(), pool, room_mb=self.settings.pictures_mb)

        return self._one("model_server", make)

    @cached_property
    def launcher(self) -> Launcher:
        """How jobs are started."""
        if self.settings.jobs == "inline":
            return InlineLauncher(lambda job, scope: _ignore(self.run_job(job.id, scope)))
        return ProcessLauncher(self.settings.environment, self.settings.home / "logs" / "jobs")

    @cached_property
    def _registry(self) -> Catalog:
        return self.store.catalog(_REGISTRY)

    def _one(self, name: str, make: Callable[[], T]) -> T:
        """The same for all who ask, also at once: `cached_property` may make two since 3.12."""
        with self._making:
            if name not in self._made:
                self._made[name] = make()
            made: T = self._made[name]
        return made

    def _spawn_stream(self, workspace: str, stream: str) -> "Popen[bytes]":
        command = [sys.executable, "-m", "viseon", "stream-child", workspace, stream]
        logs = self.settings.home / "logs" / "streams"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / f"{workspace}.{stream}.log").open("ab") as log:
            return Popen(  # noqa: S603 (our own interpreter and arguments)
                command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
                env=os.environ | self.settings.environment,
            )

    def _dispatcher(self, catalog: Catalog, scope: Scope) -> Dispatcher:
        def abandon(job: Job) -> None:
            from viseon.runs import Runs

            blobs = self._blobs(scope.workspace)
            Runs(catalog, blobs, OpencvImages(), now).abandon(job)

        return Dispatcher(catalog, scope, self.launcher, self.probe, now, abandon)

    def _entered(self, scope: Scope, workspace: str) -> Scope:
        if workspace == scope.workspace:
            return scope
        if scope.principal.role is not Role.ADMIN or scope.workspace != LOCAL.workspace:
            raise Forbidden(
                f"{scope.principal.name!r} may not enter workspace {workspace!r}",
                fix="use a token made in that workspace",
            )
        with self._registry.read() as records:
            if records.seek(Workspace, workspace) is None:
                raise NotFound(
                    f"no workspace named {workspace!r}",
                    fix=f"viseon access create-workspace --name {workspace}",
                )
        return scope.model_copy(update={"workspace": workspace})


def open(home: str | Path | None = None, *, workspace: str | None = None) -> Platform:
    """The platform whose data lies in `home` (default: `VISEON_HOME`, else `~/.viseon`)."""
    house = House(Settings.read(home=home))
    return house.platform(house.local(workspace))


def load(
    model: str | Path,
    *,
    classes: str | Path | Sequence[str] = (),
    threads: int | None = None,
    platform: Platform | None = None,
    **corrections: Any,
) -> "LoadedModel":
    """A model as a function: `model(image)` or `model([image, …])` gives Detections.

    `model` is the path of an ONNX file, or a registered model such as `people@3` of `platform`
    (near or far; the local one if left out). `corrections` replace what was inferred of a file:
    `decoder="yolov8"`, `width=640`, `color="bgr"`, …
    """
    from viseon.models import load as load_model

    backend = find_plugin("backend", "onnxruntime")
    options = {} if threads is None else {"threads": threads}
    path = Path(model)
    if path.suffix == ".onnx" or path.exists():
        if not path.is_file():
            raise NotFound(f"model: there is no file {path}", fix="check the path")
        opened = backend.make(options, path)
        return load_model(opened, OpencvImages(), classes=classes, overrides=corrections)
    platform = platform or open()
    found = platform.models.get(str(model))
    with tempfile.TemporaryDirectory(prefix="viseon-") as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(platform.blobs.get(found.onnx))
        opened = backend.make(options, path)
    return load_model(opened, OpencvImages(), registered=found)


images = OpencvImages
"""Makes what decodes pictures, for those who need no platform."""


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def run_worker(id: str, scope: Scope) -> Job:
    """What a job process does: run one job; SIGTERM asks it to leave."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    house = House(Settings.read())
    try:
        return house.run_job(id, scope, stop=stop)
    finally:
        house.close()


def run_stream_child(workspace: str, stream: str) -> int:
    """What a stream's process does: run it, talking to the supervisor; the exit code."""
    from viseon.streams import serve_child

    house = House(Settings.read())
    scope = _system(workspace)
    try:
        found = house.platform(scope).streams.get(stream)
        return serve_child(partial(house.run_stream, found, scope))
    finally:
        house.close()


def _system(workspace: str) -> Scope:
    return _REGISTRY.model_copy(update={"workspace": workspace})


def _operation(name: str) -> Operation:
    noun = name.split(".")[0]
    for op in operations(SERVICES[noun]):
        if op.full_name == name:
            return op
    raise NotFound(f"no operation {name!r}", fix="was the job made by a newer release?")


def _ignore(_: object) -> None:
    """The launcher's contract has no answer."""
