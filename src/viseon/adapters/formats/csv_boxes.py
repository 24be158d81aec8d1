"""CSV (RFC 4180): a row `filename,class,x1,y1,x2,y2[,split]` per object, with or without a header.

A row with a name alone says that nothing is in the picture; one without a box, what it shows.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from viseon.adapters.formats.losses import Drops, Says
from viseon.adapters.formats.pictures import (
    filename,
    inside,
    measured,
    pictures,
    place,
    split_of,
    those,
)
from viseon.plugins import Plugin
from viseon.ports import Contents, LabelledFile
from viseon.schema import Annotation, Invalid, Object, Split

COLUMNS = ("filename", "class", "x1", "y1", "x2", "y2", "split")
_ALIASES = {
    "file": "filename", "image": "filename", "image_path": "filename", "path": "filename",
    "label": "class", "class_name": "class",
    "xmin": "x1", "ymin": "y1", "xmax": "x2", "ymax": "y2",
}  # fmt: skip
_CLASSES = "classes.csv"


class CsvConfig(Drops):
    """Only writing has options."""


_SAYS = Says("CSV", classes=True)


class CsvFormat:
    """One CSV file of boxes beside the pictures; `classes.csv` (name,id) may order the classes."""

    def __init__(self, config: CsvConfig) -> None:
        self._drop = config.drop

    def recognises(self, root: Path) -> bool:
        return len(_tables(root)) == 1

    def read(self, root: Path) -> Contents:
        tables = _tables(root)
        if len(tables) != 1:
            raise Invalid(
                f"{root}: there are {len(tables)} CSV files of boxes in it",
                fix=f"expected one, with the columns {','.join(COLUMNS)}",
            )
        table = _Table(root, tables[0])
        table.collect()
        files = (
            LabelledFile(path, filename(path, root), table.label(path), table.split(path), *size)
            for path, size in measured(pictures(root))
        )
        return Contents(classes=_classes(root, table.used), files=files)

    def write(self, root: Path, files: Iterator[LabelledFile], classes: tuple[str, ...]) -> None:
        root.mkdir(parents=True, exist_ok=True)
        with (root / "annotations.csv").open("w", newline="", encoding="utf-8") as out:
            rows = csv.writer(out)
            rows.writerow(COLUMNS)
            for file in files:
                place(file.path, root / "images" / file.filename)
                rows.writerows(_rows(file, _SAYS.fitted(file, drop=self._drop)))
        with (root / _CLASSES).open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows((name, n) for n, name in enumerate(classes))


class _Table:
    """The rows of one file, by picture."""

    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self._path = path
        self._objects: dict[Path, list[Object]] = {}
        self._shows: dict[Path, dict[str, None]] = {}
        self._splits: dict[Path, Split] = {}
        self.used: set[str] = set()

    def collect(self) -> None:
        """Read every row. Raises Invalid that names the line."""
        with self._path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            columns: tuple[str, ...] | None = None
            try:
                for row in rows:
                    where = f"{self._path.name}, line {rows.line_num}"
                    if columns is None:
                        columns = _header(row)
                        if columns:
                            continue
                        columns = COLUMNS
                    if any(cell.strip() for cell in row):
                        self._row(dict(zip(columns, row, strict=False)), where)
            except (csv.Error, UnicodeDecodeError) as error:
                raise Invalid(
                    f"{self._path.name}: this is not CSV: {error}", fix="save it as UTF-8 CSV"
                ) from error

    def label(self, path: Path) -> Annotation | None:
        """What the rows say about a picture; None without a row."""
        if path not in self._objects:
            return None
        return Annotation(
            objects=tuple(self._objects[path]), classes=tuple(self._shows.get(path, ()))
        )

    def split(self, path: Path) -> Split | None:
        """The split in its rows, or in its folders."""
        return self._splits.get(path) or split_of(*path.relative_to(self._root).parts[:-1])

    def _row(self, row: dict[str, str], where: str) -> None:
        path = self._find(row["filename"], where)
        found = self._objects.setdefault(path, [])
        word = row.get("split", "").strip()
        split = split_of(word)
        if word and split is None:
            raise Invalid(f"{where}: {word!r} is not a split", fix="train, val or test")
        if split:
            self._splits[path] = split
        name = row.get("class", "")
        sides = [row.get(side, "").strip() for side in ("x1", "y1", "x2", "y2")]
        if name:
            self.used.add(name)
        if name and not any(sides):
            self._shows.setdefault(path, {})[name] = None
        elif name or any(sides):
            found.append(_object(str(len(found) + 1), name, sides, where))

    def _find(self, name: str, where: str) -> Path:
        for folder in (self._root, self._root / "images"):
            path = inside(folder, name)
            if path.is_file():
                return path
        raise Invalid(
            f"{where}: there is no picture {name!r}", fix="add the picture or remove the row"
        )


def _object(id: str, name: str, sides: list[str], where: str) -> Object:
    try:
        if not name:
            raise ValueError("the class is missing")
        x1, y1, x2, y2 = map(float, sides)
        return Object(id=id, class_name=name, box=(x1, y1, x2, y2))
    except ValueError as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise Invalid(
            f"{where}: {why}", fix="class,x1,y1,x2,y2 with x1 < x2 and y1 < y2, in pixels"
        ) from error


def _header(row: list[str]) -> tuple[str, ...]:
    """The columns that a first row names; nothing when it is data."""
    words = [cell.strip().lower() for cell in row]
    names = tuple(_ALIASES.get(word, word) for word in words)
    return names if "filename" in names and "class" in names else ()


def _rows(file: LabelledFile, found: Annotation | None) -> Iterator[tuple[object, ...]]:
    if found is None:
        if file.split:
            raise Invalid(
                f"{file.filename}: CSV cannot say the split of a picture without annotation",
                fix="annotate it, or leave it out",
            )
        return
    split = file.split or ""
    for thing in found.objects:
        yield (file.filename, thing.class_name, *map(repr, thing.box), split)
    for name in found.classes:
        yield (file.filename, name, "", "", "", "", split)
    if not found.objects and not found.classes:
        yield (file.filename, "", "", "", "", "", split)


def _classes(root: Path, used: set[str]) -> tuple[str, ...]:
    path = root / _CLASSES
    named: list[str] = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8-sig") as file:
            named = [row[0] for row in csv.reader(file) if row]
    return tuple(dict.fromkeys([*named, *sorted(used - set(named))]))


def _tables(root: Path) -> list[Path]:
    return [path for path in those(root, "*.csv") if path.name != _CLASSES and _is_table(path)]


def _is_table(path: Path) -> bool:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        try:
            row = next(csv.reader(file), [])
        except csv.Error:
            return False
    return bool(_header(row)) or len(row) in (6, 7)


plugin = Plugin("format", "csv", CsvConfig, CsvFormat)
