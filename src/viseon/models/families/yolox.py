"""YOLOX, raw or with the grid already applied."""

from viseon.models.families.contract import Match, Seen, cells

_STRIDES = ((8, 16, 32), (8, 16, 32, 64))


def yolox(seen: Seen) -> Match | None:
    """One output of one row per grid cell: 4 + objectness + classes."""
    single = seen.only()
    if single is None or single[1].ndim != 3 or single[1].shape[2] < 6:
        return None
    name, rows = single
    for strides in _STRIDES:
        if rows.shape[1] == cells(seen.width, seen.height, strides):
            break
    else:
        return None
    classes = rows.shape[2] - 5
    # Raw offsets are a few cells and log sizes a few units; decoded centres reach across the input.
    decoded = float(rows[0, :, :2].max()) > max(seen.width, seen.height) / 2
    form = "centres reach across the input" if decoded else "its first columns stay small: offsets"
    return Match(
        family="YOLOX",
        decoder="yolox",
        outputs=(name,),
        because=f"output {name} has {rows.shape[1]} rows, one per cell of strides "
        f"{', '.join(map(str, strides))}, of 5 + {classes} columns; {form}",
        options={"strides": list(strides), "decoded": decoded},
        classes=classes,
        input={"color": "bgr", "scale": 1.0, "resize": "letterbox-topleft", "pad_value": 114},
    )
