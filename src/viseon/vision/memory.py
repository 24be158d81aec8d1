"""What is remembered of each track between frames, as columns sorted by track id."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class TrackMemory:
    """Named columns with one row per track; the rows of a frame are found without a Python loop.

    `columns` gives each column's initial value and trailing shape, for example `{"xy": (0.0,
    (2,))}`.
    """

    __slots__ = ("_columns", "_kinds", "track_id")

    def __init__(self, columns: Mapping[str, tuple[Any, tuple[int, ...]]]) -> None:
        self._kinds = dict(columns)
        self.track_id: Indices = np.empty(0, np.int64)
        self._columns: dict[str, NDArray[Any]] = {
            name: np.empty((0, *shape), np.asarray(value).dtype)
            for name, (value, shape) in columns.items()
        }

    def __len__(self) -> int:
        return len(self.track_id)

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self._columns[column]

    def rows(self, track_id: Indices) -> tuple[Indices | slice, NDArray[np.bool_] | None]:
        """Each id's row and which of them are new (None if none is); new ids get initial values.

        The rows are a slice where a frame shows the very tracks remembered: the usual case, and
        columns read and written through it are not copied.
        """
        if len(track_id) == len(self) and bool((track_id == self.track_id).all()):
            return slice(None), None
        at = np.searchsorted(self.track_id, track_id)
        known = np.zeros(len(track_id), bool)
        inside = at < len(self)
        known[inside] = self.track_id[at[inside]] == track_id[inside]
        if known.all():
            return at, None
        self._insert(track_id[~known])
        return np.searchsorted(self.track_id, track_id), ~known

    def row(self, track_id: int) -> int | None:
        """The row of one id, or None for a track never seen or forgotten."""
        at = int(np.searchsorted(self.track_id, track_id))
        return at if at < len(self) and self.track_id[at] == track_id else None

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Forget all others."""
        self.track_id = self.track_id[which]
        self._columns = {name: column[which] for name, column in self._columns.items()}

    def state(self) -> dict[str, Any]:
        """JSON-able and exact."""
        columns = {name: _plain(column) for name, column in self._columns.items()}
        return {"track_id": self.track_id.tolist(), "columns": columns}

    def restore(self, state: Mapping[str, Any]) -> None:
        """From what `state` gave."""
        self.track_id = np.asarray(state["track_id"], np.int64)
        for name, (value, shape) in self._kinds.items():
            kind = np.asarray(value).dtype
            column = np.asarray(state["columns"][name], kind)  # float(None) reads as NaN
            self._columns[name] = column.reshape(len(self.track_id), *shape)

    def _insert(self, track_id: Indices) -> None:
        ids = np.concatenate([self.track_id, track_id])
        order = np.argsort(ids, kind="stable")
        self.track_id = ids[order]
        for name, (value, shape) in self._kinds.items():
            old = self._columns[name]
            new = np.full((len(track_id), *shape), value, old.dtype)
            self._columns[name] = np.concatenate([old, new])[order]


def _plain(column: NDArray[Any]) -> list[Any]:
    """Lists for JSON, which has no NaN: None instead."""
    if column.dtype.kind != "f" or not np.isnan(column).any():
        return list(column.tolist())
    known = column.astype(object)
    known[np.isnan(column)] = None
    return list(known.tolist())
