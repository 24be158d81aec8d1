"""The quick spelling of plain samples is canonical JSON, letter for letter."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from viseon.datasets.transfer import _row
from viseon.ports import LabelledFile
from viseon.schema import Sample, canonical_json

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
SPLITS = st.sampled_from([None, "train", "val", "test"])
SIZES = st.integers(0, 10**12)
METADATA = st.just({}) | st.dictionaries(NAMES, NAMES, max_size=2)


@given(NAMES, SPLITS, SIZES, SIZES, METADATA, st.none() | st.just("cd" * 32), st.booleans())
def test_a_line_is_canonical(name, split, width, height, metadata, annotation, erased):
    sample = Sample.model_construct(  # whatever its fields
        filename=name, digest="ab" * 32, split=split, width=width, height=height,
        metadata=metadata, annotation=annotation, erased=erased,
    )  # fmt: skip
    plain = sample.model_dump(mode="json", exclude_defaults=True)
    assert sample.line == canonical_json(plain).decode()


@given(NAMES, SPLITS, SIZES, SIZES)
def test_a_plain_row_is_canonical(name, split, width, height):
    file = LabelledFile(Path(name), name, None, split, width, height)
    said = {"filename": name, "digest": "ab" * 32, "split": split, "width": width, "height": height}
    plain = {key: value for key, value in said.items() if value}
    assert _row(file, "ab" * 32) == canonical_json(plain | {"metadata": {}}) + b"\n"
