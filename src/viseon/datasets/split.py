"""Which split a group of newcomers goes to: whole groups, and never against an earlier decision."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from viseon.datasets.groups import Group
from viseon.datasets.likeness import Likeness
from viseon.schema import SPLITS, Digest, Ratios, Split

Tallies = Mapping[Digest, Mapping[str, int]]
"""Objects of each class, by annotation."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the newcomers of a commit."""

    splits: dict[str, Split] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    """Quarantined filenames and why."""
    likeness: Likeness | None = None
    """What was seen of them, where pictures are compared."""


def decide(
    groups: Sequence[Group],
    counts: Mapping[str, int],
    balance: Mapping[str, Mapping[str, int]],
    tallies: Tallies,
    ratios: Ratios,
) -> Decision:
    """One split for each group.

    A group that one split claims follows it, one that several claim is held; one that asks gets
    what it asks for. The rest are spread class by class, rarest first, each group to the split that
    lacks most of that class, then of samples (iterative stratification: Sechidis, Tsoumakas,
    Vlahavas, "On the Stratification of Multi-label Data", 2011), in an order that depends on
    nothing but the bytes. `counts` and `balance` say what the splits hold already.
    """
    decision = Decision()
    free: list[Group] = []
    have = {split: Counter({"": counts.get(split, 0)}) for split in SPLITS}
    for name, splits in balance.items():
        for split in SPLITS:
            have[split][name] += splits.get(split, 0)
    for group in groups:
        if len(group.claims) > 1:
            why = "; ".join(group.claims[s] for s in SPLITS if s in group.claims)
            decision.held.update({n.filename: why for n in group.members})
            continue
        settled = _settled(group)
        if settled is None:
            free.append(group)
        else:
            have[settled].update(_weight(group, tallies))
            decision.splits.update({n.filename: settled for n in group.members})
    _spread(free, have, tallies, ratios, decision.splits)
    return decision


def _spread(
    free: list[Group],
    have: dict[Split, Counter[str]],
    tallies: Tallies,
    ratios: Ratios,
    decided: dict[str, Split],
) -> None:
    known: dict[tuple[tuple[str, int], ...], Counter[str]] = {}  # a million groups, few weights
    weights = []
    for group in free:
        weight = _weight(group, tallies)
        weights.append(known.setdefault(tuple(weight.items()), weight))
    total = _sum([*have.values(), *weights])
    whole = sum(ratios.values())
    wanted = {
        s: {name: n * ratios.get(s, 0.0) / whole for name, n in total.items()} for s in SPLITS
    }
    for index in _order(free, weights):
        weight = weights[index]
        names = sorted(weight, key=lambda name: (total[name], name))
        split = max(
            SPLITS,
            key=lambda s: (
                *(round(wanted[s][n] - have[s][n], 6) for n in (*names, "")),
                -SPLITS.index(s),
            ),
        )
        have[split].update(weight)
        decided.update({n.filename: split for n in free[index].members})


def _order(free: list[Group], weights: list[Counter[str]]) -> Iterable[int]:
    """Groups of the rarest class first; among those, by what their bytes say."""
    left = _sum(weights)

    def rank(index: int) -> tuple[int, str, bytes]:
        classes = [name for name in weights[index] if name]
        rarest = min(classes, key=lambda name: (left[name], name), default="")
        first = min(n.digest for n in free[index].members)
        return (left[rarest] if rarest else left[""] + 1, rarest, sha256(first.encode()).digest())

    return sorted(range(len(free)), key=rank)


def _settled(group: Group) -> Split | None:
    for split in group.claims:
        return split
    return next((n.asked for n in group.members if n.asked), None)


def _sum(weights: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for weight in weights:
        total.update(weight)
    return total


def _weight(group: Group, tallies: Tallies) -> Counter[str]:
    weight = Counter({"": len(group.members)})
    for newcomer in group.members:
        if newcomer.annotation:
            weight.update(tallies.get(newcomer.annotation, {}))
    return weight
