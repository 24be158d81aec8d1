"""Who or what made each part of an annotation: the history first, then what brought the sample."""

from collections.abc import Iterator, Sequence

from viseon.annotations.parts import parts_of
from viseon.annotations.trail import Annotations, Trail
from viseon.schema import Annotation, Digest, Object, Provenance, Version
from viseon.schema.label import Blame, LabelState, Part, Value, spelled


def blame(
    trail: Trail,
    annotation: Annotation | None,
    states: Sequence[LabelState],
    stored: Annotations,
    versions: dict[int, Version],
) -> tuple[Blame, ...]:
    """One entry for each part that is there; objects in their order come first."""
    origins = _Origins(states, stored, versions)
    return tuple(
        _blamed(trail, part, value, origins) for part, value in parts_of(annotation).items()
    )


def filled_in(annotation: Annotation, found: Sequence[Blame]) -> Annotation:
    """The annotation whose objects say where they come from, as far as anybody knows."""
    known = {b.object: _provenance(b) for b in found if b.part == "object"}
    objects = (o.model_copy(update={"provenance": known.get(o.id)}) for o in annotation.objects)
    return annotation.model_copy(update={"objects": tuple(objects)})


class _Origins:
    """Where a part first appeared among the rows of a sample."""

    def __init__(
        self, states: Sequence[LabelState], stored: Annotations, versions: dict[int, Version]
    ) -> None:
        self._states = states
        self._stored = stored
        self._versions = versions
        self._parts: dict[Digest, dict[Part, Value]] = {}

    def find(self, part: Part, value: Value) -> LabelState | None:
        """The first row that says so, with who brought it."""
        for state in self._states:
            if state.annotation is not None:
                said = self._said(state.annotation).get(part)
                if spelled(said) == spelled(value):
                    return self._signed(state)
        return self._signed(self._states[-1]) if self._states else None

    def _said(self, digest: Digest) -> dict[Part, Value]:
        if digest not in self._parts:
            self._parts[digest] = parts_of(self._stored(digest))
        return self._parts[digest]

    def _signed(self, state: LabelState) -> LabelState:
        """Rows of an older store do not say who brought them; their version says who froze it."""
        version = self._versions.get(state.since)
        if state.at is not None or version is None:
            return state
        return state.model_copy(update={"by": version.created_by, "at": version.created})


def _blamed(trail: Trail, part: Part, value: Value, origins: _Origins) -> Blame:
    name = value.class_name if isinstance(value, Object) else _words(value)
    change = trail.author(part, value)
    if change is not None:
        return Blame(
            part=part[0],
            object=part[1],
            class_name=name,
            by=change.by,
            at=change.at,
            source=change.source,
            model=change.model,
            score=change.score,
            session=change.session,
            number=change.number,
        )
    state = origins.find(part, value)
    return Blame(
        part=part[0],
        object=part[1],
        class_name=name,
        by=state.by if state else "",
        at=state.at if state else None,
        source="import",
        version=state.since if state else None,
    )


def _words(value: Value) -> str:
    return ", ".join(value) if isinstance(value, tuple) else ("yes" if value else "no")


def _provenance(found: Blame) -> Provenance | None:
    if found.at is None:
        return None
    return Provenance(
        by=found.by,
        at=found.at,
        source=found.source,
        model=found.model or None,
        score=found.score,
    )


def versions_named(states: Sequence[LabelState]) -> Iterator[int]:
    """The versions whose makers may have to be asked."""
    return (s.since for s in states if s.at is None)
