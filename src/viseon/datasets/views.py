"""Saved views: expressions over a dataset's samples, kept under names."""

from typing import Annotated

from pydantic import StringConstraints

from viseon.datasets.looking import page_of
from viseon.datasets.query import parse
from viseon.datasets.query.ask import view_key, view_of, vocabulary
from viseon.operation import Limit, operation
from viseon.ports import Catalog
from viseon.schema import Clock, Dataset, Name, Page, Role, View

Words = Annotated[str, StringConstraints(max_length=2000)]


class Views:
    """Questions about a dataset's samples, kept under names."""

    def __init__(self, catalog: Catalog, now: Clock) -> None:
        self._catalog = catalog
        self._now = now

    @operation("GET", "/views/{dataset}", needs=Role.VIEWER)
    def find(self, dataset: Name, *, cursor: str = "", limit: Limit = 50) -> Page[View]:
        """The views of a dataset, by name."""
        with self._catalog.read() as records:
            records.get(Dataset, dataset)
            after = view_key(dataset, cursor) if cursor else ""
            found = records.find(View, prefix=view_key(dataset, ""), after=after, limit=limit + 1)
        return page_of(found, limit, [v.name for v in found])

    @operation("PUT", "/views/{dataset}/{name}", needs=Role.EDITOR)
    def put(self, dataset: Name, name: Name, *, where: str, description: Words = "") -> View:
        """Save an expression under a name, or replace the one that had it.

        Operations that take `where` take the name as `view`. Raises Invalid that names the column
        when the expression cannot be read or asks for what no sample of the dataset has.
        """
        view = View(
            dataset=dataset, name=name, where=where, description=description, created=self._now()
        )
        with self._catalog.transaction() as records:
            parse(where, vocabulary(records, dataset))
            view = view.model_copy(update={"created_by": records.by})
            records.put(view_key(dataset, name), view)
        return view

    @operation("GET", "/views/{dataset}/{name}", needs=Role.VIEWER)
    def get(self, dataset: Name, name: Name) -> View:
        """One view."""
        with self._catalog.read() as records:
            return view_of(records, dataset, name)

    @operation("DELETE", "/views/{dataset}/{name}", needs=Role.EDITOR)
    def remove(self, dataset: Name, name: Name) -> None:
        """Forget a view; the samples it finds stay."""
        with self._catalog.transaction() as records:
            view_of(records, dataset, name)
            records.remove(View, view_key(dataset, name))
