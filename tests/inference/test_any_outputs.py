"""Whatever a graph answers: it is understood, or refused with a reason."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.models.signature import infer_signature
from viseon.ports import Tensor
from viseon.schema import Invalid, Signature

SIDES = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 21, 56, 84, 85, 100, 116, 252, 300])
KINDS = st.sampled_from(["float32", "float16", "int64", "int32", "bool", "uint8"])
NAMES = st.sampled_from(
    ["output", "boxes", "scores", "labels", "num_dets", "logits", "masks", "cov"]
)


class Graph:
    """Gives the same arrays to every picture."""

    metadata: dict[str, str] = {}

    def __init__(self, arrays):
        self.arrays = arrays
        self.inputs = (Tensor("images", (1, 3, 64, 64), "float32"),)
        self.outputs = tuple(Tensor(n, a.shape, a.dtype.name) for n, a in arrays.items())

    def run(self, inputs):
        return self.arrays


@st.composite
def graphs(draw):
    arrays = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        shape = draw(st.lists(SIDES, max_size=4))
        shape = [1, *shape] if draw(st.booleans()) else shape
        size = int(np.prod(shape))
        if size > 1e6:
            shape = shape[:2]
        fill = draw(st.sampled_from(["noise", "logits", "nan", "zero"]))
        noise = np.random.default_rng(0).random(shape)
        values = {
            "noise": noise,
            "logits": noise * 20 - 10,
            "zero": noise * 0,
            "nan": noise * np.nan,
        }
        with np.errstate(invalid="ignore"):
            arrays[name] = np.asarray(values[fill]).astype(draw(KINDS))
    return Graph(arrays)


@settings(deadline=None, max_examples=400)
@given(graphs())
def test_it_has_a_signature_or_is_refused_with_what_to_pass(graph):
    fix = ""
    try:
        found = infer_signature(graph).signature
    except Invalid as error:
        fix = error.fix
    else:
        assert isinstance(found, Signature)
        assert set(found.outputs) <= set(graph.arrays)
        return
    assert fix
