"""Whatever is wrong in a label file, it is named; nothing but our own errors comes out."""

import json
import os
import random
import shutil
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.datasets.content import check_shapes
from viseon.datasets.recognise import format_for
from viseon.schema import ViseonError

GOLDEN = Path(__file__).parents[1] / "golden" / "formats" / "read"
LABELS = sorted(
    p.relative_to(GOLDEN).as_posix()
    for p in GOLDEN.rglob("*")
    if p.is_file() and p.suffix != ".png"
)
JUNK = [
    None, True, -1, 0, 10**40, 1.5, float("nan"), float("inf"), "", "x", "../../etc/passwd", "\0",
    "\ud800", "9" * 5000, [], [[]], [None], {}, {"a": {}}, "nan", "1e999", "-0",
]  # fmt: skip


def spots(node):
    """Every (container, key) in a JSON document."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        yield node, key
        if isinstance(value, dict | list):
            yield from spots(value)


def spoil_json(text, rng):
    document = json.loads(text)
    node, key = rng.choice(list(spots(document)))
    if rng.random() < 0.3:
        del node[key]
    else:
        node[key] = rng.choice(JUNK)
    return json.dumps(document).encode()


def spoil_xml(text, rng):
    top = ElementTree.fromstring(text)
    element = rng.choice(list(top.iter()))
    junk = rng.choice([j for j in JUNK if isinstance(j, str) and j.isprintable()])
    how = rng.random()
    if how < 0.3 and len(element):
        element.remove(rng.choice(list(element)))
    elif how < 0.7 and element.attrib:
        name = rng.choice(list(element.attrib))
        if rng.random() < 0.3:
            del element.attrib[name]
        else:
            element.set(name, junk)
    else:
        element.text = junk
    return ElementTree.tostring(top)


def spoil_text(text, rng):
    lines = text.splitlines() or [""]
    at = rng.randrange(len(lines))
    words = lines[at].replace(",", " , ").split()
    junk = str(rng.choice(JUNK))
    if words and rng.random() < 0.7:
        words[rng.randrange(len(words))] = junk
        lines[at] = " ".join(words).replace(" , ", ",")
    else:
        lines.insert(at, junk)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def spoil_bytes(data, rng):
    spoilt = bytearray(data or b"\0")
    for _ in range(rng.randint(1, 4)):
        spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
    return bytes(spoilt[: rng.randint(1, len(spoilt))] if rng.random() < 0.3 else spoilt)


def refusal(root):
    """The error of a folder; None when it can be read."""
    try:
        for file in format_for(root, None, {}).read(root).files:
            check_shapes(file)
    except ViseonError as error:
        return error
    return None


@pytest.mark.parametrize("name", LABELS)
@settings(max_examples=int(os.environ.get("VISEON_BROKEN_LABELS", "25")), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_spoilt_label_file_is_read_or_refused(name, seed):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / name.split("/")[0]
        shutil.copytree(GOLDEN / root.name, root)
        path = Path(folder) / name
        kind = {".json": spoil_json, ".xml": spoil_xml}.get(path.suffix, spoil_text)
        if rng.random() < 0.2:
            path.write_bytes(spoil_bytes(path.read_bytes(), rng))
        else:
            path.write_bytes(kind(path.read_text(), rng))
        assert refusal(root) is None or refusal(root).fix
