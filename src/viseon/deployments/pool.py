"""The models that are loaded: shared, counted, and unloaded when memory is short."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from viseon.deployments.engine import Engine
from viseon.schema import Busy


@dataclass(slots=True)
class _Place:
    """One engine's place in the pool."""

    ready: threading.Event = field(default_factory=threading.Event)
    engine: Engine | None = None
    memory_mb: float = 0.0
    users: int = 0
    retired: bool = False


class Pool:
    """Engines by key. One is loaded once, however many ask for it at the same time."""

    def __init__(
        self, *, budget_mb: float = 4096, resident_mb: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._budget_mb = budget_mb
        self._resident_mb = resident_mb
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    @contextmanager
    def lease(self, key: str, load: Callable[[], Engine]) -> Iterator[Engine]:
        """The engine of that key for as long as the block runs; it is not unloaded meanwhile.

        Raises Busy where the memory is taken by models in use, and whatever `load` raises.
        """
        place, mine = self._enter(key)
        if mine:
            self._fill(key, place, load)
        place.ready.wait()
        if place.engine is None:
            raise Busy("the model could not be loaded by another request", fix="try again")
        try:
            yield place.engine
        finally:
            self._leave(place)

    def retire(self, key: str) -> None:
        """Unload when the last user has left; whoever comes now loads it anew."""
        with self._lock:
            place = self._places.pop(key, None)
            if place is None:
                return
            place.retired = True
            idle = place.users == 0
        if idle and place.engine is not None:
            place.engine.drain()

    def close(self) -> None:
        """Finish everything that was accepted, then unload all."""
        for key in list(self._places):
            self.retire(key)

    def loaded(self) -> dict[str, tuple[Engine, float]]:
        """What is loaded, with the memory it took in MB."""
        with self._lock:
            places = list(self._places.items())
        return {k: (p.engine, p.memory_mb) for k, p in places if p.engine is not None}

    @property
    def memory_mb(self) -> float:
        """What all loaded models took."""
        with self._lock:
            return sum(place.memory_mb for place in self._places.values())

    def _enter(self, key: str) -> tuple[_Place, bool]:
        with self._lock:
            place = self._places.get(key)
            mine = place is None
            if place is None:
                place = self._places[key] = _Place()
            self._places.move_to_end(key)
            place.users += 1
            return place, mine

    def _leave(self, place: _Place) -> None:
        with self._lock:
            place.users -= 1
            over = place.retired and place.users == 0
        if over and place.engine is not None:
            place.engine.drain()

    def _fill(self, key: str, place: _Place, load: Callable[[], Engine]) -> None:
        try:
            with self._loading:
                self._make_room(key)
                before = self._resident_mb()
                place.engine = load()
                place.memory_mb = max(self._resident_mb() - before, 1.0)
        finally:
            if place.engine is None:
                with self._lock:
                    self._places.pop(key, None)
                    place.users -= 1
            place.ready.set()

    def _make_room(self, newcomer: str) -> None:
        """Unload the least recently used models that nobody is using, until the budget holds."""
        while self.memory_mb >= self._budget_mb:
            with self._lock:
                idle = [k for k, p in self._places.items() if p.users == 0 and k != newcomer]
            if not idle:
                raise Busy(
                    f"models in use take {self.memory_mb:.0f} MB of {self._budget_mb:.0f} MB",
                    fix="try again later, remove a deployment, or raise the budget",
                )
            self.retire(idle[0])
