"""Saying something about samples: metadata and tags, for a list of files or for all that match."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import StringConstraints

from viseon.datasets.fields import SOURCE
from viseon.datasets.query.ask import asked_for
from viseon.datasets.query.names import FIXED
from viseon.datasets.typed import LONGEST, check_fields, placed, spelled, without
from viseon.operation import operation
from viseon.ports import Catalog, Records
from viseon.schema import (
    Dataset,
    Filename,
    Invalid,
    Key,
    Name,
    NotFound,
    Noun,
    Role,
    Sample,
    canonical_json,
)
from viseon.schema.dataset import moment_of

AT_ONCE = 1000
NAMED = 20
"""Samples that an answer names."""

Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Described(Noun):
    """What a description came to."""

    matched: int
    """Samples that were chosen."""
    changed: int
    """Those among them that now say something else, or would."""
    filenames: tuple[str, ...] = ()
    """The first twenty that changed."""


class Describing:
    """What `Datasets` knows of metadata and tags."""

    _catalog: Catalog

    @operation("POST", "/datasets/{dataset}/descriptions", needs=Role.EDITOR)
    def describe(  # noqa: PLR0913 (which samples, and what about them)
        self,
        dataset: Name,
        *,
        filenames: tuple[Filename, ...] = (),
        where: str = "",
        view: str = "",
        metadata: dict[Key, Any] = {},  # noqa: B006 (read only)
        forget: tuple[str, ...] = (),
        add_tags: tuple[Tag, ...] = (),
        remove_tags: tuple[Tag, ...] = (),
        dry_run: bool = False,
    ) -> Described:
        """Set or forget metadata, add or remove tags, of some samples of the working area.

        Samples are chosen by their names, or by `where` and `view`; a dot in a key leads into what
        is nested. All or nothing: raises Invalid that names the file whose value does not fit a
        custom field. `dry_run` counts and checks only. The next commit freezes what changed.
        """
        told = _Told(_plain(metadata), forget, add_tags, remove_tags)
        told.check()
        if bool(filenames) == bool(where.strip() or view):
            raise Invalid(
                "choose samples either by filenames, or by where and view",
                fix="all there are: where='filename != \"\"'",
            )
        matched, changed = 0, 0
        named: list[str] = []
        with self._catalog.read() if dry_run else self._catalog.transaction() as records:
            found = records.get(Dataset, dataset)
            for samples in _chosen(records, dataset, filenames, where, view):
                new = {s.filename: after for s in samples if (after := told.of(s)) is not None}
                for filename, after in new.items():
                    check_fields(filename, after, found)
                if new and not dry_run:
                    records.samples.describe(dataset, new)
                matched, changed = matched + len(samples), changed + len(new)
                named += list(new)[: NAMED - len(named)]
        return Described(matched=matched, changed=changed, filenames=tuple(named))


@dataclass(frozen=True, slots=True)
class _Told:
    """What is said about each of the samples."""

    metadata: Mapping[str, Any]
    forget: tuple[str, ...]
    add: tuple[str, ...]
    remove: tuple[str, ...]

    def check(self) -> None:
        """Raises Invalid where it cannot be meant."""
        if not (self.metadata or self.forget or self.add or self.remove):
            raise Invalid("there is nothing to say", fix="metadata, forget, add_tags, remove_tags")
        for key in (*self.metadata, *self.forget):
            if key == SOURCE or (key in FIXED and key not in ("captured_at", "tags")):
                raise Invalid(f"{key!r} is not for metadata to say", fix="choose another key")
        if "tags" in self.metadata:
            raise Invalid("metadata: tags are added and removed", fix="add_tags=(…)")
        taken = self.metadata.get("captured_at", 0)
        if not isinstance(taken, int | float) and moment_of(taken) is None:
            raise Invalid(
                f"metadata: captured_at is {spelled(taken)}, which is not a time",
                fix='such as "2030-01-01T22:00:00Z"; forget removes it',
            )
        for one, other, what in (
            (self.metadata, self.forget, "set and forgotten"),
            (self.add, self.remove, "added and removed"),
        ):
            if both := [word for word in one if word in other]:
                raise Invalid(f"{both[0]!r} is both {what}", fix="say one of the two")

    def of(self, sample: Sample) -> dict[str, Any] | None:
        """All metadata of the sample afterwards; None where nothing changes."""
        after = dict(sample.metadata)
        for key in self.forget:
            after = without(after, key)
        for key, value in self.metadata.items():
            after = placed(after, key, value)
        if self.add or self.remove:
            after = self._tagged(sample.filename, after)
        return None if canonical_json(after) == canonical_json(sample.metadata) else after

    def _tagged(self, filename: str, metadata: dict[str, Any]) -> dict[str, Any]:
        now = metadata.get("tags")
        tags = [] if now is None else [now] if isinstance(now, str) else now
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise Invalid(
                f"{filename}: tags are {spelled(now)}, which are no texts",
                fix="forget the key 'tags' first",
            )
        left = [tag for tag in dict.fromkeys([*tags, *self.add]) if tag not in self.remove]
        if left == tags:
            return metadata
        return {**metadata, "tags": left} if left else without(metadata, "tags")


def _chosen(
    records: Records, dataset: str, filenames: tuple[str, ...], where: str, view: str
) -> Iterator[list[Sample]]:
    """Samples of the working area, some at a time; those seen may be changed meanwhile."""
    if filenames:
        wanted = sorted(set(filenames))
        for start in range(0, len(wanted), AT_ONCE):
            names = wanted[start : start + AT_ONCE]
            samples = records.samples.some(dataset, names)
            if len(samples) < len(names):
                missing = sorted(set(names) - {s.filename for s in samples})
                raise NotFound(
                    f"dataset {dataset!r} has no sample {missing[0]!r}",
                    fix="its samples: viseon find " + dataset,
                )
            yield samples
        return
    asked, after = asked_for(records, dataset, where=where, view=view), ""
    while samples := records.samples.page(dataset, after=after, limit=AT_ONCE, where=asked):
        after = samples[-1].filename
        yield samples


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON has it. Raises Invalid naming the key that JSON cannot spell."""
    found = {}
    for key, value in metadata.items():
        try:
            text = canonical_json(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise Invalid(
                f"metadata: {key} is nothing that JSON can say: {error}",
                fix="a text, a finite number, true, false, or lists and objects of them",
            ) from error
        if value is None:
            raise Invalid(f"metadata: {key} is null", fix=f"forget=({key!r},) removes it")
        if isinstance(value, str) and len(value) > LONGEST:
            raise Invalid(f"metadata: {key} is longer than {LONGEST} characters")
        found[key] = json.loads(text)
    return found
