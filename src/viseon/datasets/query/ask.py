"""From the words a caller wrote to what the rows are asked."""

from viseon.datasets.query.names import Vocabulary
from viseon.datasets.query.parser import parse
from viseon.ports import Records
from viseon.ports.where import All, Where
from viseon.schema import Dataset, NotFound, Noun, View


class Count(Noun):
    """How many samples."""

    total: int
    splits: dict[str, int]
    """Those without a split stand under ""."""


def view_key(dataset: str, name: str) -> str:
    """Where the catalog keeps a view."""
    return f"{dataset}:{name}"


def vocabulary(records: Records, dataset: str) -> Vocabulary:
    """The names that an expression over this dataset may use."""
    found = records.get(Dataset, dataset)
    keys = records.samples.keys(dataset)
    return Vocabulary(fields=found.fields, keys=keys, classes=found.classes)


def asked_for(records: Records, dataset: str, *, where: str = "", view: str = "") -> Where | None:
    """Both as one tree; None for neither. Raises Invalid, or NotFound for the view."""
    if not where.strip() and not view:
        return None
    names = vocabulary(records, dataset)
    parts = []
    if view:
        saved = records.seek(View, view_key(dataset, view))
        if saved is None:
            known = [v.name for v in records.find(View, prefix=f"{dataset}:", limit=20)]
            raise NotFound(
                f"dataset {dataset!r} has no view {view!r}",
                fix=f"it has: {', '.join(known)}" if known else "save one: viseon views create",
            )
        parts.append(parse(saved.where, names))
    if where.strip():
        parts.append(parse(where, names))
    return parts[0] if len(parts) == 1 else All(tuple(parts))
