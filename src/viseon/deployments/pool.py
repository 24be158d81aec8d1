"""The models that are loaded: shared, counted, and unloaded when memory is short."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from viseon.deployments.batching import leaving
from viseon.deployments.engine import Engine
from viseon.schema import Busy


@dataclass(slots=True, eq=False)
class _Place:
    """One engine's place in the pool."""

    loaded: Future[Engine] = field(default_factory=Future)
    memory_mb: float = 0.0
    users: int = 0
    retired: bool = False

    @property
    def engine(self) -> Engine | None:
        """None while it is loaded, and for ever if that failed."""
        done = self.loaded.done() and self.loaded.exception() is None
        return self.loaded.result() if done else None


class Pool:
    """Engines by key. One is loaded once, however many ask for it at the same time."""

    def __init__(
        self, *, budget_mb: float = 4096, resident_mb: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._budget_mb = budget_mb
        self._resident_mb = resident_mb
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._owners: dict[str, frozenset[str]] = {}
        """Deployment to the engines it asks, as it last said."""
        self._measured: dict[str, float] = {}
        """The most memory that an engine was seen to take; without what follows `-` in its key."""
        self._going: list[_Place] = []
        """Retired, and still in use."""
        self.leaving = False
        """Whether nobody is given an engine any more."""
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    @contextmanager
    def lease(
        self,
        key: str,
        load: Callable[[], Engine],
        *,
        patience_s: float | None = None,
        least_mb: float = 1.0,
    ) -> Iterator[Engine]:
        """The engine of that key for as long as the block runs; it is not unloaded meanwhile.

        It counts as `least_mb` at least, whatever the process seems to have grown by.
        Raises Busy where the memory is taken by models in use, or when loading takes longer than
        `patience_s` (it goes on), and whatever `load` raises.
        """
        place, mine = self._enter(key)
        try:
            if mine:
                self._start(key, place, load, least_mb)
            try:
                engine = place.loaded.result(patience_s)
            except TimeoutError:
                raise Busy("the model is being loaded", fix="send the request again") from None
            yield engine
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
            if not idle:
                self._going.append(place)
        if idle and place.engine is not None:
            place.engine.drain()

    def own(self, owner: str, keys: Sequence[str]) -> None:
        """These are the engines, and the only ones, that `owner` asks from now on."""
        self._owners[owner] = frozenset(keys)

    def disown(self, owner: str, keys: Sequence[str], *, keep: Sequence[str] = ()) -> None:
        """Retire those of `keys` that `owner` does not `keep` and nobody else asks."""
        if keep:
            self.own(owner, keep)
        else:
            self._owners.pop(owner, None)
        wanted = {key for asked in list(self._owners.values()) for key in asked}
        for key in keys:
            if key not in wanted:
                self.retire(key)

    def leave(self) -> None:
        """Give no engine to anybody any more, and refuse whoever waits for one or in one.

        What runs is finished, and `close` has to follow. Waits for nothing.
        """
        with self._lock:
            self.leaving = True
            places = [*self._places.values(), *self._going]
            for place in places:
                if not place.loaded.done():
                    place.loaded.set_exception(leaving())
        for place in places:
            if place.engine is not None:
                place.engine.leave()

    @property
    def longest_run_s(self) -> float:
        """How long the slowest model takes for a run, as far as is known."""
        return max((engine.run_s for engine, _ in self.loaded().values()), default=0.0)

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

    @property
    def full(self) -> bool:
        """Whether the next one to load needs the room of another."""
        return self.memory_mb >= self._budget_mb

    def _enter(self, key: str) -> tuple[_Place, bool]:
        with self._lock:
            if self.leaving:
                raise leaving()
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
            if over:
                self._going.remove(place)
        if over and place.engine is not None:
            place.engine.drain()

    def _start(self, key: str, place: _Place, load: Callable[[], Engine], least_mb: float) -> None:
        """Load in a thread of its own: who asked first may give up first."""
        place.users += 1  # the loading itself; nobody else can have seen 0
        executor = ThreadPoolExecutor(1, thread_name_prefix="viseon-load")
        work = executor.submit(self._load, key, place, load, least_mb)
        work.add_done_callback(partial(self._arrived, key, place))
        executor.shutdown(wait=False)

    def _load(self, key: str, place: _Place, load: Callable[[], Engine], least_mb: float) -> Engine:
        with self._loading:
            self._make_room(key)
            before = self._resident_mb()
            engine = load()
            grown, model = self._resident_mb() - before, key.partition("-")[0]
            # The allocator keeps what was freed: what is loaded again hardly makes us grow.
            place.memory_mb = max(grown, least_mb, self._measured.get(model, 0.0))
            self._measured[model] = place.memory_mb
        return engine

    def _arrived(self, key: str, place: _Place, work: Future[Engine]) -> None:
        error = work.exception()
        with self._lock:
            if error is not None and self._places.get(key) is place:
                del self._places[key]
            refused = place.loaded.done()  # all who waited for it were, when we began to leave
            if error is None and not refused:
                place.loaded.set_result(work.result())
            elif not refused:
                place.loaded.set_exception(error)
        if error is None and refused:
            work.result().drain()
        self._leave(place)

    def _make_room(self, newcomer: str) -> None:
        """Unload the least recently used models that nobody is using, until the budget holds."""
        while self.full:
            with self._lock:
                idle = [k for k, p in self._places.items() if p.users == 0 and k != newcomer]
            if not idle:
                raise Busy(
                    f"models in use take {self.memory_mb:.0f} MB of {self._budget_mb:.0f} MB",
                    fix="try again later, remove a deployment, or raise the budget",
                )
            self.retire(idle[0])
