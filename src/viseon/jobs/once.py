"""Acting once per idempotency key, so that a client may retry without fear."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from viseon.operation import Operation, bookkeeping
from viseon.ports import Catalog
from viseon.schema import Clock, Conflict, Digest, Replay, Scope, canonical_json, digest_of

PATIENCE = timedelta(minutes=5)
"""An answer that has not come by then is taken for lost, and the retry acts."""


class OnceByCatalog:
    """Remembers answers in the catalog, per principal."""

    def __init__(self, catalog: Catalog, scope: Scope, now: Clock) -> None:
        self._catalog, self._scope, self._now = catalog, scope, now

    def __call__(
        self, key: str, operation: Operation, arguments: dict[str, Any], act: Callable[[], Any]
    ) -> Any:
        """What `act` gives, or what it gave the first time."""
        full = f"{self._scope.principal.name}/{key}"
        asked = digest_of(canonical_json(arguments))
        begun = Replay(
            key=full, operation=operation.full_name, arguments=asked, started=self._now()
        )
        earlier = self._claim(begun)
        if earlier is not None:
            if operation.secret:
                raise Conflict(
                    f"{operation.full_name} was done already; its answer is secret and not kept",
                    fix="use a new key to do it again",
                )
            return earlier.answer
        try:
            answer = act()
        except BaseException:
            with bookkeeping(), self._catalog.transaction() as records:
                records.remove(Replay, full)
            raise
        with bookkeeping(), self._catalog.transaction() as records:
            kept = None if operation.secret else answer
            records.put(full, begun.model_copy(update={"answer": kept, "done": True}))
        return answer

    def _claim(self, begun: Replay) -> Replay | None:
        with bookkeeping(), self._catalog.transaction() as records:
            earlier = records.seek(Replay, begun.key)
            if earlier is None:
                records.put(begun.key, begun)
                return None
            _must_match(earlier, begun.operation, begun.arguments)
            if earlier.done:
                return earlier
            if begun.started - earlier.started < PATIENCE:
                raise Conflict("the same request is being worked on", fix="retry a little later")
            records.put(begun.key, begun)
            return None


def _must_match(earlier: Replay, operation: str, arguments: Digest) -> None:
    if (earlier.operation, earlier.arguments) != (operation, arguments):
        raise Conflict(
            f"the idempotency key was used before for a different {earlier.operation}",
            fix="use a new key for a new request",
        )
