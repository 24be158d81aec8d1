"""Annotations: read with provenance, edit, look back, take back."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field, StringConstraints

from viseon.annotations.blame import blame, filled_in, versions_named
from viseon.annotations.check import check_class, check_objects
from viseon.annotations.parts import annotation_of, differences, edited, ids_of, parts_of
from viseon.annotations.revert import Plan, plan_to, plans, stored, trail_of, written
from viseon.annotations.trail import Trail
from viseon.operation import Limit, operation
from viseon.ports import Catalog, Records
from viseon.schema import (
    Annotation,
    Clock,
    Conflict,
    Dataset,
    Digest,
    Filename,
    Forbidden,
    Invalid,
    Name,
    NotFound,
    Object,
    Page,
    Role,
    Sample,
    Scope,
    Time,
    Version,
)
from viseon.schema.label import (
    CLASSES,
    REVIEWED,
    Edited,
    Kept,
    LabelChange,
    LabelEdit,
    Labelled,
    LabelQuery,
    LabelState,
    Part,
    Reverted,
    Source,
)

SHOWN = 1000
"""How many changes an answer names."""

Expected = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64}|none)?$")]
"""The digest of the annotation that was seen, `none` if nothing was said; empty: do not check."""
Session = Annotated[str, StringConstraints(max_length=200)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[0-9]{0,18}$")]


class Annotations:
    """What is said about samples: who said it, when, and the way back."""

    def __init__(self, catalog: Catalog, scope: Scope, now: Clock) -> None:
        self._catalog = catalog
        self._scope = scope
        self._now = now

    @operation("GET", "/annotations/{dataset}/sample", needs=Role.VIEWER)
    def get(
        self,
        dataset: Name,
        *,
        filename: Filename,
        version: Annotated[int, Field(ge=1)] | None = None,
    ) -> Labelled:
        """What is said about a sample of the working area or a version, and who or what said it.

        What nobody edited is put down to whoever brought it: an import, an addition, a version.
        """
        with self._catalog.read() as records:
            records.get(Dataset, dataset)
            return _labelled(records, dataset, filename, version)

    @operation("POST", "/annotations/{dataset}/edits", needs=Role.LABELER)
    def edit(  # noqa: PLR0913 (what, where, and who says so)
        self,
        dataset: Name,
        *,
        filename: Filename,
        edit: LabelEdit,
        expected: Expected = "",
        session: Session = "",
        source: Source = "person",
        model: str = "",
    ) -> Edited:
        """Change what is said about a sample of the working area, as a whole or part by part.

        `expected` is the digest of the annotation that the caller saw (`none` if there was none):
        when somebody changed it since, this is a Conflict that says who. A whole annotation needs
        it. An edit that is in place already changes nothing. `session` groups edits for a revert;
        with `source` "model", `model` says which and `provenance.score` of objects how sure it was.
        """
        _complete(edit, expected, source, model)
        with self._catalog.transaction() as records:
            current = records.get(Dataset, dataset)
            sample = records.samples.get(dataset, filename)
            old = _annotation(records, sample)
            now = parts_of(old)
            after = edited(now, edit, source)
            changed = differences(now, after)
            if not changed:
                return Edited(digest=sample.annotation, changed=0)
            _agreed(records, dataset, sample, expected)
            _check(current, sample, changed)
            if (REVIEWED, False, True) in changed:
                changed = differences(trail_of(records, dataset, sample).parts, after)
            new = annotation_of(after, [*ids_of(old), *(o.id for o in _given(edit))])
            made = self._change(dataset, sample, new).model_copy(
                update={"session": session, "source": source, "model": model}
            )
            scores = {o.id: o.provenance.score for o in _given(edit) if o.provenance}
            lines = [
                made.model_copy(
                    update={
                        "part": part[0],
                        "object": part[1],
                        "old": was,
                        "new": now_is,
                        "score": scores.get(part[1]) if source == "model" else None,
                    }
                )
                for part, was, now_is in changed
            ]
            _write(records, dataset, {filename: new}, lines)
            return Edited(digest=made.after, changed=len(lines))

    @operation("GET", "/annotations/{dataset}/history", needs=Role.VIEWER)
    def history(  # noqa: PLR0913 (the filters)
        self,
        dataset: Name,
        *,
        filename: str = "",
        object: str = "",
        by: str = "",
        session: str = "",
        model: str = "",
        since: Time | None = None,
        until: Time | None = None,
        cursor: Cursor = "",
        limit: Limit = 100,
    ) -> Page[LabelChange]:
        """Who changed what, newest first: of a dataset, a sample, an object, a user, a session.

        Imports and additions are not edits: `origins` tells of them.
        """
        query = LabelQuery(
            filename=filename, object=object, by=by, session=session, model=model, since=since,
            until=until,
        )  # fmt: skip
        with self._catalog.read() as records:
            records.get(Dataset, dataset)
            before = int(cursor) if cursor else None
            found = records.labels.find(dataset, query, before=before, limit=limit + 1)
        more = str(found[limit - 1].number) if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=more)

    @operation("GET", "/annotations/{dataset}/origins", needs=Role.VIEWER)
    def origins(self, dataset: Name, *, filename: Filename) -> tuple[LabelState, ...]:
        """What versions and the working area said of a sample, and who brought it; oldest first."""
        with self._catalog.read() as records:
            records.get(Dataset, dataset)
            found = records.labels.states(dataset, filename)
        if not found:
            raise NotFound(f"no sample {filename!r} in dataset {dataset!r}")
        return tuple(found)

    @operation("POST", "/annotations/{dataset}/reverts", needs=Role.LABELER)
    def revert(  # noqa: PLR0913 (whose, where, when)
        self,
        dataset: Name,
        *,
        filename: str = "",
        object: str = "",
        by: str = "",
        session: str = "",
        model: str = "",
        since: Time | None = None,
        to: Expected = "",
        force: bool = False,
        dry_run: bool = False,
    ) -> Reverted:
        """Take changes back: those of a sample, an object in it, a user, a session, a model.

        Where others changed the same object later, their change stays and is reported, unless
        `force`. `to` gives one sample the annotation it had, by digest (`none` for nothing said).
        Taking back changes of others needs the role reviewer. `dry_run` shows what would happen.
        """
        query = LabelQuery(
            filename=filename, object=object, by=by, session=session, model=model, since=since
        )
        _bounded(query, to)
        with self._opened(dry_run=dry_run) as records:
            current = records.get(Dataset, dataset)
            if to:
                digest = None if to == "none" else to
                found: Iterable[Plan] = [plan_to(records, dataset, filename, digest)]
            else:
                found = list(plans(records, dataset, query, force=force))
            return self._carried_out(records, current, found, dry_run=dry_run)

    @contextmanager
    def _opened(self, *, dry_run: bool) -> Iterator[Records]:
        with self._catalog.read() if dry_run else self._catalog.transaction() as records:
            yield records

    def _carried_out(
        self, records: Records, dataset: Dataset, found: Iterable[Plan], *, dry_run: bool
    ) -> Reverted:
        changes: list[LabelChange] = []
        kept: list[Kept] = []
        labels: dict[str, Annotation | None] = {}
        for plan in found:
            kept += plan.undone.kept
            if plan.sample is None:
                continue
            self._may(plan)
            made = self._change(dataset.name, plan.sample, plan.annotation)
            lines = written(plan, dataset, made)
            if lines:
                changes += lines
                labels[plan.sample.filename] = plan.annotation
        if changes and not dry_run:
            changes = _write(records, dataset.name, labels, changes)
        return Reverted(
            dry_run=dry_run,
            samples=len(labels),
            changed=len(changes),
            conflicts=len(kept),
            changes=tuple(changes[:SHOWN]),
            kept=tuple(kept[:SHOWN]),
        )

    def _may(self, plan: Plan) -> None:
        me = self._scope.principal
        others = plan.others - {me.name}
        if others and not me.role.includes(Role.REVIEWER):
            raise Forbidden(
                f"{me.name!r} may take back their own changes only; these are of "
                + ", ".join(sorted(others)),
                fix="ask a reviewer, or say by=" + me.name,
            )

    def _change(self, dataset: str, sample: Sample, new: Annotation | None) -> LabelChange:
        """What the changes of one edit have in common."""
        return LabelChange(
            dataset=dataset,
            filename=sample.filename,
            file=sample.digest,
            part="reviewed",
            old=None,
            new=None,
            before=sample.annotation,
            after=new.digest if new is not None else None,
            by=self._scope.principal.name,
            at=self._now(),
        )


def _complete(edit: LabelEdit, expected: str, source: Source, model: str) -> None:
    if edit.annotation is not None and not expected:
        raise Invalid(
            "expected: a whole annotation replaces what others may have said meanwhile",
            fix="pass the digest that annotations.get gave, or 'none' if there was none",
        )
    if (source == "model") != bool(model):
        raise Invalid(
            "model: an edit with the source 'model' names the model, and no other does",
            fix="such as source='model', model='people@3'",
        )


def _bounded(query: LabelQuery, to: str) -> None:
    if to and (not query.filename or query != LabelQuery(filename=query.filename)):
        raise Invalid("to: goes with filename and nothing else", fix="name the sample")
    if query.object and not query.filename:
        raise Invalid("filename: an object's id means something in its sample only")
    if query == LabelQuery():
        raise Invalid(
            "nothing says what to revert",
            fix="give filename, filename and object, by, session, model or since",
        )


def _agreed(records: Records, dataset: str, sample: Sample, expected: str) -> None:
    if not expected or (None if expected == "none" else expected) == sample.annotation:
        return
    last = next(
        iter(records.labels.find(dataset, LabelQuery(filename=sample.filename), limit=1)), None
    )
    if last is not None and last.after == sample.annotation:
        session = f" in session {last.session!r}" if last.session else ""
        who = f"{last.by} changed it{session} at {last.at.isoformat(timespec='seconds')}"
    else:
        state = records.labels.states(dataset, sample.filename)[-1]
        by = state.by or "somebody"
        who = f"{by} brought another annotation" + (
            f" by {state.operation}" if state.operation else ""
        )
    raise Conflict(
        f"{sample.filename}: it is not the annotation you saw: {who}",
        fix=f"read it again and repeat the edit; it is {sample.annotation or 'none'} now",
    )


def _check(
    dataset: Dataset, sample: Sample, changed: Sequence[tuple[Part, object, object]]
) -> None:
    new = [value for _, _, value in changed]
    check_objects((v for v in new if isinstance(v, Object)), sample, dataset)
    for part, _, value in changed:
        if part == CLASSES and isinstance(value, tuple):
            for name in value:
                check_class(name, f"{sample.filename}: the picture", dataset)


def _given(edit: LabelEdit) -> tuple[Object, ...]:
    return edit.put if edit.annotation is None else edit.annotation.objects


def _annotation(records: Records, sample: Sample) -> Annotation | None:
    if sample.annotation is None:
        return None
    return records.samples.annotations([sample.annotation])[sample.annotation]


def _write(
    records: Records,
    dataset: str,
    labels: dict[str, Annotation | None],
    changes: list[LabelChange],
) -> list[LabelChange]:
    records.samples.annotate(a for a in labels.values() if a is not None)
    digests: dict[str, Digest | None] = {n: a.digest if a else None for n, a in labels.items()}
    records.samples.relabel(dataset, digests)
    return records.labels.append(changes)


def _labelled(records: Records, dataset: str, filename: str, version: int | None) -> Labelled:
    frozen = None if version is None else _version(records, dataset, version)
    sample = records.samples.get(dataset, filename, version=version)
    annotation = _annotation(records, sample)
    changes = records.labels.trails(dataset, [filename]).get(filename, [])
    states = [s for s in records.labels.states(dataset, filename) if s.file == sample.digest]
    if frozen is not None:
        changes = [c for c in changes if c.at <= frozen.created]
        states = [s for s in states if s.since <= frozen.number]
    versions = {n: v for n in versions_named(states) if (v := _seek(records, dataset, n))}
    trail = Trail(changes, sample.digest, sample.annotation, annotation)
    found = blame(trail, annotation, states, lambda digest: stored(records, digest), versions)
    return Labelled(
        dataset=dataset,
        filename=filename,
        file=sample.digest,
        width=sample.width,
        height=sample.height,
        digest=sample.annotation,
        annotation=filled_in(annotation, found) if annotation is not None else None,
        blame=found,
    )


def _seek(records: Records, dataset: str, number: int) -> Version | None:
    return records.seek(Version, f"{dataset}@{number:08d}")


def _version(records: Records, dataset: str, number: int) -> Version:
    found = _seek(records, dataset, number)
    if found is None:
        raise NotFound(f"dataset {dataset!r} has no version {number}", fix=f"viseon log {dataset}")
    return found
