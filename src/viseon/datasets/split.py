"""Which split a newcomer goes to: whole groups, and never against an earlier decision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from viseon.schema import SPLITS, Digest, Ratios, Sample, Split, digest_of


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the newcomers of a commit."""

    splits: dict[str, Split]
    held: dict[str, str]
    """Quarantined filenames and why."""


def decide(
    newcomers: Iterable[Sample],
    homes: Mapping[Digest, Split],
    counts: Mapping[str, int],
    ratios: Ratios,
) -> Decision:
    """Put each group of newcomers into one split.

    A group with a member that has a home follows it; one that asks for a split gets it; the rest
    fill the split that lacks most, in an order that depends on nothing but the bytes.
    `homes` says where the bytes of newcomers are or were, `counts` what the splits hold already.
    """
    groups: dict[Digest, list[Sample]] = {}
    for sample in newcomers:
        groups.setdefault(sample.digest, []).append(sample)
    have = {split: counts.get(split, 0) for split in SPLITS}
    free: list[list[Sample]] = []
    decided: dict[str, Split] = {}
    for digest, group in groups.items():
        split = homes.get(digest) or next((s.split for s in group if s.split), None)
        if split is None:
            free.append(group)
        else:
            have[split] += len(group)
            decided |= {s.filename: split for s in group}
    total = sum(have.values()) + sum(map(len, free))
    target = _targets(ratios, total)
    for group in sorted(free, key=lambda g: digest_of(g[0].digest.encode())):
        lacking = max(SPLITS, key=lambda s: (target[s] - have[s], -SPLITS.index(s)))
        have[lacking] += len(group)
        decided |= {s.filename: lacking for s in group}
    return Decision(decided, {})


def _targets(ratios: Ratios, total: int) -> dict[Split, float]:
    whole = sum(ratios.values())
    return {split: total * ratios.get(split, 0.0) / whole for split in SPLITS}
