"""Changes of labels in words, for a terminal."""

from viseon.schema import Object
from viseon.schema.label import Blame, LabelChange, Value

_OTHER = ("rotated", "polygons", "mask", "keypoints", "track_id", "attributes")


def change_in_words(change: LabelChange) -> str:
    """Such as `7: person moved 14 px`, or `picture: bag, person`."""
    said = {"object": _object, "classes": _classes, "reviewed": _reviewed}[change.part](change)
    return said if change.undoes is None else f"{said} (back to before #{change.undoes})"


def maker_in_words(found: Blame, dataset: str) -> str:
    """Such as `import, shop@1`, `model bags@2, score 0.75`, `edit #12 [monday]`."""
    if found.number is None:
        return "import" + (f", {dataset}@{found.version}" if found.version else "")
    said = f"edit #{found.number}"
    if found.source == "model":
        score = "" if found.score is None else f", score {found.score:.2f}"
        said = f"model {found.model}{score}, {said}"
    return f"{said} [{found.session}]" if found.session else said


def _object(change: LabelChange) -> str:
    old, new = _thing(change.old), _thing(change.new)
    if old is None or new is None:
        there = old or new
        verb = "added" if old is None else "removed"
        return f"{change.object}: {there.class_name} {verb}" if there else f"{change.object}: gone"
    name = old.class_name if old.class_name == new.class_name else _turn(old, new)
    shift = max(abs(a - b) for a, b in zip(old.box, new.box, strict=True))
    moved = [f"moved {round(shift, 1):g} px"] if shift else []
    other = [field for field in _OTHER if getattr(old, field) != getattr(new, field)]
    edited = [f"other {' and '.join(other)}"] if other else []
    if old == new:
        edited = ["as it was"]
    return f"{change.object}: {', '.join([name, *moved, *edited])}"


def _turn(old: Object, new: Object) -> str:
    return f"{old.class_name} → {new.class_name}"


def _thing(value: Value | None) -> Object | None:
    return value if isinstance(value, Object) else None


def _classes(change: LabelChange) -> str:
    old, new = (", ".join(v) if isinstance(v, tuple) else "" for v in (change.old, change.new))
    return f"picture: {old or 'no class'} → {new or 'no class'}"


def _reviewed(change: LabelChange) -> str:
    if change.new is None:
        return "not annotated any more"
    return "reviewed" if change.new else "not reviewed"


def counted(count: int, word: str) -> str:
    """Such as `1 sample`, `2 samples`."""
    return f"{count} {word}{'' if count == 1 else 's'}"
