"""Where nouns live."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from viseon.ports.kinship import Kinship
from viseon.ports.labels import LabelHistory
from viseon.ports.remains import Remains
from viseon.ports.samples import Samples
from viseon.schema import Noun

N = TypeVar("N", bound=Noun)


class Records(Protocol):
    """The nouns as one transaction sees them. Keys are chosen by the service that owns the noun."""

    def get(self, kind: type[N], key: str) -> N:
        """Raises NotFound."""
        ...

    def seek(self, kind: type[N], key: str) -> N | None:
        """As `get`, but None when there is none."""
        ...

    def find(
        self,
        kind: type[N],
        *,
        prefix: str = "",
        where: Mapping[str, str] | None = None,
        after: str = "",
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[N]:
        """Those of a kind whose key starts with `prefix`, in key order (reversed if newest first).

        `where` compares top-level string fields; `after` is the last key already seen.
        """
        ...

    def put(self, key: str, noun: Noun) -> None:
        """Store or replace. Raises RuntimeError outside `transaction()`."""
        ...

    def remove(self, kind: type[Noun], key: str) -> None:
        """Forget; forgetting twice is fine. Raises RuntimeError outside `transaction()`."""
        ...

    @property
    def by(self) -> str:
        """Who is acting: the name of the principal."""
        ...

    @property
    def kinship(self) -> Kinship:
        """What belongs together, in the same transaction."""
        ...

    @property
    def remains(self) -> Remains:
        """Who names which bytes, in the same transaction."""
        ...

    @property
    def labels(self) -> LabelHistory:
        """Who said what about the samples, in the same transaction."""
        ...

    @property
    def samples(self) -> Samples:
        """The bulk rows, in the same transaction."""
        ...


class Catalog(Protocol):
    """A transactional store of nouns, bound to one workspace and one principal."""

    def transaction(self) -> AbstractContextManager[Records]:
        """All writes inside happen, together with their audit record, or none do."""
        ...

    def read(self) -> AbstractContextManager[Records]:
        """A consistent view that never blocks writers; writing in it is an error."""
        ...

    def scrub(self) -> bool:
        """Overwrite what was deleted before in the database's own files, as far as that goes.

        False where something of it may still be there.
        """
        ...
