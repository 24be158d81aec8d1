"""From the words a caller wrote to what the rows are asked."""

from viseon.datasets.query.names import Vocabulary
from viseon.datasets.query.parser import parse
from viseon.ports import Records
from viseon.ports.where import All, Where
from viseon.schema import Conflict, Dataset, Invalid, NotFound, Noun, View


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
        parts.append(_read(view_of(records, dataset, view), names))
    if where.strip():
        parts.append(parse(where, names))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def view_of(records: Records, dataset: str, name: str) -> View:
    """Raises NotFound that says which views there are."""
    records.get(Dataset, dataset)
    found = records.seek(View, view_key(dataset, name))
    if found is None:
        known = [v.name for v in records.find(View, prefix=view_key(dataset, ""), limit=20)]
        raise NotFound(
            f"dataset {dataset!r} has no view {name!r}",
            fix=f"it has: {', '.join(known)}" if known else "save one: viseon views put",
        )
    return found


def check_views(records: Records, dataset: str) -> None:
    """Raises Conflict that names the views which the dataset's names and types no longer suit."""
    names = vocabulary(records, dataset)
    broken = []
    for view in records.find(View, prefix=view_key(dataset, "")):
        try:
            parse(view.where, names)
        except Invalid as error:
            broken.append(f"{view.name!r} ({error.message})")
    if broken:
        raise Conflict(
            f"views would no longer be understood: {', '.join(broken[:5])}",
            fix="change or remove them first: viseon views",
        )


def _read(view: View, names: Vocabulary) -> Where:
    try:
        return parse(view.where, names)
    except Invalid as error:
        raise Invalid(f"view {view.name!r}: {error.message}", fix=error.fix) from error
