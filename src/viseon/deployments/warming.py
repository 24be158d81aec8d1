"""Loads what is deployed when a server starts, so that the first caller does not wait."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from viseon.deployments.server import key_of
from viseon.deployments.service import Deployments
from viseon.schema import NotFound, ViseonError

log = logging.getLogger(__name__)

_PATIENCE_S = 120.0
_AGAIN_S = 60.0
_PAGE = 100


class Warmer:
    """One after the other, until the memory for models is full; the rest load when asked.

    A deployment that fails, or takes longer than `patience_s`, keeps nobody waiting: the server is
    ready without it, requests for it are told why, and it is tried again every `again_s`.
    """

    def __init__(
        self,
        services: Callable[[], Mapping[str, Deployments]],
        *,
        patience_s: float = _PATIENCE_S,
        again_s: float = _AGAIN_S,
    ) -> None:
        """`services` are the deployments of each workspace."""
        self._services = services
        self._patience_s, self._again_s = patience_s, again_s
        self._tried = 0
        self._total: int | None = None
        self._over = False
        self.failed: dict[str, str] = {}
        """Deployment to what is wrong with it."""

    @property
    def missing(self) -> str:
        """What is still being waited for; empty when all have been tried."""
        if self._over:
            return ""
        if self._total is None:
            return "the deployments have not been looked up yet"
        return f"{self._tried} of {self._total} deployments are loaded"

    def run(self, stop: threading.Event) -> None:
        """Load all, then look after those that failed, until told to stop."""
        with ThreadPoolExecutor(1, thread_name_prefix="viseon-warm") as thread:
            while not stop.is_set():
                # A future, because it takes whatever is raised: readiness must not hang on a bug.
                error = thread.submit(self._round, stop).exception()
                if error is not None:
                    log.warning("deployments.warm", exc_info=error)
                self._over = self._over or error is None
                stop.wait(self._again_s if self._over else min(self._again_s, 1.0))

    def _round(self, stop: threading.Event) -> None:
        services = self._services()
        wanted = [(s, name, key) for w, s in services.items() for name, key in _named(w, s)]
        if self._over:
            wanted = [entry for entry in wanted if entry[2] in self.failed]
        else:
            self._tried, self._total = 0, len(wanted)
        for gone in self.failed.keys() - {key for *_, key in wanted}:
            del self.failed[gone]
        for service, name, key in wanted:
            if stop.is_set() or service.server.full:
                return
            self._load(service, name, key)
            self._tried += 1

    def _load(self, service: Deployments, name: str, key: str) -> None:
        with ThreadPoolExecutor(1) as thread:
            error = thread.submit(service.warm, name, self._patience_s).exception()
        # Not found may also be its model, or the model's file: only without itself is all well.
        gone = isinstance(error, NotFound) and not _is_there(service, name)
        if error is None or gone:
            self.failed.pop(key, None)
            return
        if key not in self.failed:
            log.warning("deployment.failed", extra={"deployment": key}, exc_info=error)
        known = isinstance(error, ViseonError)
        self.failed[key] = str(error) if known else "a bug; see the server's log"


def _is_there(service: Deployments, name: str) -> bool:
    try:
        service.get(name)
    except NotFound:
        return False
    return True


def _named(workspace: str, service: Deployments) -> list[tuple[str, str]]:
    """Every deployment of a workspace: its name there, and in this process."""
    found: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = service.find(cursor=cursor, limit=_PAGE)
        found += [(item.name, key_of(workspace, item.name)) for item in page.items]
        cursor = page.next
    return found
