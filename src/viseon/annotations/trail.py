"""What of a sample's history still stands: changes are stacked, reverts take from the top."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from viseon.annotations.parts import Parts, ids_of, parts_of
from viseon.schema import Annotation, Digest
from viseon.schema.label import REVIEWED, Kept, LabelChange, Part, Value, spelled

Chosen = Callable[[LabelChange], bool]
Annotations = Callable[[Digest], Annotation | None]
"""Finds an annotation by its digest, if it is stored."""

OUTSIDE = "an import or another operation on the dataset changed it since"


@dataclass
class Chain:
    """The changes of one part that were not taken back, oldest first."""

    live: list[LabelChange] = field(default_factory=list)
    value: Value | None = None
    """What the part is after all of them."""
    walls: set[int] = field(default_factory=set)
    """Changes that began from something else than what the one before them had left."""

    def push(self, change: LabelChange) -> None:
        """Read the next change; a revert takes those it undoes from the top."""
        if change.undoes is None:
            if self.live and spelled(change.old) != spelled(self.value):
                self.walls.add(change.number)
            self.live.append(change)
        else:
            while self.live and self.live[-1].number >= change.undoes:
                self.live.pop()
        self.value = change.new

    def top(self, chosen: Chosen) -> list[LabelChange]:
        """The chosen changes that nothing else stands on, oldest first."""
        run: list[LabelChange] = []
        for change in reversed(self.live):
            if not chosen(change):
                break
            run.insert(0, change)
            if change.number in self.walls:
                break
        return run


class Trail:
    """One sample's history, as far as it speaks of the bytes it has now."""

    def __init__(
        self,
        changes: Sequence[LabelChange],
        file: Digest,
        digest: Digest | None,
        annotation: Annotation | None,
    ) -> None:
        self.changes = [c for c in changes if c.file == file]
        self.chains: dict[Part, Chain] = {}
        for change in self.changes:
            self.chains.setdefault(change.key, Chain()).push(change)
        self.annotation = annotation
        self.unbroken = bool(self.changes) and self.changes[-1].after == digest
        """Whether nothing but edits has happened since the last edit."""
        self.parts = self._parts()

    def order(self, stored: Annotations) -> list[str]:
        """The objects' ids in the order they came, so that what comes back finds its place.

        First those of the annotation from which the unbroken edits began, then as they appear.
        """
        if not self.unbroken:
            return list(ids_of(self.annotation))
        first = 0
        for n in range(len(self.changes) - 1, 0, -1):
            one, other = self.changes[n - 1], self.changes[n]
            same = (one.before, one.after) == (other.before, other.after)
            if not same and one.after != other.before:
                first = n
                break
        began = self.changes[first].before
        ids = ids_of(stored(began)) if began is not None else []
        later = (c.object for c in self.changes[first:] if c.part == "object")
        return list(dict.fromkeys([*ids, *later, *ids_of(self.annotation)]))

    def author(self, part: Part, value: Value) -> LabelChange | None:
        """The change that made a part what it is; None when none did."""
        chain = self.chains.get(part)
        if chain is None:
            return None
        text = spelled(value)
        if chain.live and spelled(chain.value) == text:
            return chain.live[-1]
        if not chain.live and spelled(chain.value) == text:
            return None
        made = (c for c in self.changes if c.key == part and c.undoes is None)
        return next((c for c in reversed(list(made)) if spelled(c.new) == text), None)

    def undone(self, chosen: Chosen, *, force: bool) -> "Undone":
        """What taking the chosen changes back comes to."""
        after, made, kept = dict(self.parts), [], []
        for part, chain in self.chains.items():
            mine = [c for c in chain.live if chosen(c)]
            if not mine:
                continue
            outside = spelled(self.parts.get(part)) != spelled(chain.value)
            run = [] if outside else chain.top(chosen)
            back = mine if force else run
            if not force:
                kept += [_kept(c, chain, chosen) for c in mine if c not in run]
            if back:
                made.append(Back(part, back[0].number, chain.live))
                _set(after, part, back[0].old)
        return Undone(after, tuple(made), tuple(kept))

    def _parts(self) -> Parts:
        """The annotation's parts; a picture whose review was taken back was never looked at."""
        parts = parts_of(self.annotation)
        chain = self.chains.get(REVIEWED)
        if self.unbroken and chain and chain.value is None and parts.get(REVIEWED) is False:
            del parts[REVIEWED]
        return parts


@dataclass(frozen=True, slots=True)
class Back:
    """A part goes back to what it was before change `undoes`."""

    part: Part
    undoes: int
    live: Sequence[LabelChange]

    @property
    def taken(self) -> Iterable[LabelChange]:
        """The changes that are taken back."""
        return (c for c in self.live if c.number >= self.undoes)


@dataclass(frozen=True, slots=True)
class Undone:
    """The parts afterwards, what is taken back, and what is kept."""

    after: Parts
    back: tuple[Back, ...]
    kept: tuple[Kept, ...]


def _set(parts: Parts, part: Part, value: Value | None) -> None:
    parts.pop(part, None)
    if value is not None:
        parts[part] = value


def _kept(change: LabelChange, chain: Chain, chosen: Chosen) -> Kept:
    above = (c for c in chain.live if c.number > change.number and not chosen(c))
    later = next(above, None)
    if later is None:
        return Kept(change=change, why=OUTSIDE)
    return Kept(change=change, by=later.by, at=later.at, why=f"{later.by} changed it later")
