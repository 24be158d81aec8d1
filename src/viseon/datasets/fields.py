"""Custom fields: which metadata a dataset's samples have, and of which type."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from viseon.datasets.query.ask import check_views
from viseon.datasets.query.names import DERIVED, FIXED, FLAGS, FUNCTIONS, KEYWORDS
from viseon.datasets.typed import fits, said, spelled
from viseon.operation import operation
from viseon.ports import Catalog, Records
from viseon.schema import (
    Conflict,
    CustomField,
    Dataset,
    FieldType,
    Invalid,
    Key,
    Name,
    NotFound,
    Noun,
    Role,
)

MOST = 100
"""Fields of a dataset."""
NAMED = 100
"""Samples that an answer names."""
SOURCE = "source"
"""Where derived samples say what they were made of; nobody else writes it."""

_TAKEN = {*FIXED, *DERIVED, *FLAGS, *FUNCTIONS, *KEYWORDS, "classes", SOURCE}


class Misfit(Noun):
    """A sample whose value is not of the type that was asked for."""

    filename: str
    value: str
    """As JSON; cut where it is long."""


class Declared(Noun):
    """What a declaration came to."""

    dataset: Name
    key: str
    field: CustomField
    unfit: int = 0
    """Samples of the working area whose values do not fit."""
    misfits: tuple[Misfit, ...] = ()
    """The first hundred of them, by filename."""


class Fields:
    """What `Datasets` knows of custom fields."""

    _catalog: Catalog

    @operation("PUT", "/datasets/{dataset}/fields", needs=Role.EDITOR)
    def declare(
        self,
        dataset: Name,
        *,
        key: Key,
        type: FieldType,
        choices: tuple[str, ...] = (),
        dry_run: bool = False,
    ) -> Declared:
        """Say of which type the values under a key of the metadata are, or change it.

        From then on samples with another value are refused. Raises Conflict that names samples of
        the working area whose values do not fit; `dry_run` lists them and declares nothing.
        Versions keep what they say.
        """
        field = CustomField(type=type, choices=choices)
        _check_field(key, field)
        with self._catalog.read() if dry_run else self._catalog.transaction() as records:
            found = records.get(Dataset, dataset)
            if key not in found.fields and len(found.fields) >= MOST:
                raise Conflict(f"{dataset!r} has {MOST} fields", fix="drop one: drop_field")
            unfit, misfits = _misfits(records, dataset, key, field)
            if not dry_run:
                if misfits:
                    raise _refusal(key, field, unfit, misfits)
                changed = found.model_copy(update={"fields": {**found.fields, key: field}})
                records.put(dataset, changed)
                check_views(records, dataset)
        return Declared(dataset=dataset, key=key, field=field, unfit=unfit, misfits=tuple(misfits))

    @operation("DELETE", "/datasets/{dataset}/fields", needs=Role.EDITOR)
    def drop_field(self, dataset: Name, *, key: str) -> Dataset:
        """Forget a custom field; what samples say stays, and may be anything from then on."""
        with self._catalog.transaction() as records:
            found = records.get(Dataset, dataset)
            if key not in found.fields:
                known = ", ".join(sorted(found.fields)) or "none"
                raise NotFound(f"{dataset!r} has no field {key!r}", fix=f"it has: {known}")
            left = {k: f for k, f in found.fields.items() if k != key}
            changed = found.model_copy(update={"fields": left})
            records.put(dataset, changed)
            check_views(records, dataset)
        return changed


def _check_field(key: str, field: CustomField) -> None:
    if key in _TAKEN:
        raise Invalid(f"key: {key!r} means something already", fix="choose another key")
    if field.type != "choice":
        if field.choices:
            raise Invalid(
                f"choices: a {field.type} has none", fix="type: choice, or leave them out"
            )
        return
    if not field.choices:
        raise Invalid("choices: there are none", fix='such as choices=("day", "night")')
    twice = [c for c, n in Counter(field.choices).items() if n > 1 or not c.strip()]
    if twice:
        raise Invalid(f"choices: {twice[0]!r} is empty or there twice", fix="name each once")


def _misfits(
    records: Records, dataset: str, key: str, field: CustomField
) -> tuple[int, list[Misfit]]:
    unfit = 0
    named: list[Misfit] = []
    for filename, values in _values(records, dataset, key):
        wrong = [v for v in values if not fits(v, field)]
        if wrong:
            unfit += 1
            if len(named) < NAMED:
                named.append(Misfit(filename=filename, value=spelled(wrong[0])))
    return unfit, named


def _values(records: Records, dataset: str, key: str) -> Iterator[tuple[str, list[Any]]]:
    """What samples say under a key, however it is written."""
    ending = json.dumps(key.rpartition(".")[2], ensure_ascii=False)[1:].encode() + b":"
    for lines in records.samples.lines(dataset):
        for line in lines.splitlines() if ending in lines else ():
            if ending in line:
                row = json.loads(line)
                yield row["filename"], list(said(row.get("metadata", {}), key))


def _refusal(key: str, field: CustomField, unfit: int, misfits: list[Misfit]) -> Conflict:
    shown = "; ".join(f"{m.filename}: {m.value}" for m in misfits[:3])
    more = f" and {unfit - 3} more" if unfit > 3 else ""  # noqa: PLR2004
    return Conflict(
        f"field {key!r} cannot be {field.type}: {unfit} samples say something else: {shown}{more}",
        fix="change them first (describe), or list them with dry_run=true",
    )
