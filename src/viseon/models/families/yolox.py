"""YOLOX, raw or with the grid already applied, and YOLOv6, which looks like it."""

from viseon.models.families.contract import Match, Seen, strides_of


def yolox(seen: Seen) -> Match | None:
    """One output of one row per grid cell: 4 + objectness + classes."""
    single = seen.only()
    if single is None or single[1].ndim != 3 or single[1].shape[2] < 6:
        return None
    name, rows = single
    strides = strides_of(seen, rows.shape[1])
    if strides is None:
        return None
    classes = rows.shape[2] - 5
    # Raw offsets are a few cells and log sizes a few units; decoded centres reach across the input.
    decoded = float(rows[0, :, :2].max()) > max(seen.width, seen.height) / 2
    form = "centres reach across the input" if decoded else "its first columns stay small: offsets"
    because = (
        f"output {name} has {rows.shape[1]} rows, one per cell of strides "
        f"{', '.join(map(str, strides))}, of 5 + {classes} columns; {form}"
    )
    feeding = {"color": "bgr", "scale": 1.0, "resize": "letterbox-topleft", "pad_value": 114}
    family = "YOLOX"
    if decoded and bool((rows[..., 4] == 1).all()):
        family, feeding = "YOLOv6", {}
        because += " and objectness is always 1, as in YOLOv6"
    return Match(
        family=family,
        decoder="yolox",
        outputs=(name,),
        because=because,
        options={"strides": list(strides), "decoded": decoded},
        classes=classes,
        input=feeding,
    )
