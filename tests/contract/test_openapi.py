"""The OpenAPI document: its references resolve, its examples run, and nothing it allows breaks us."""

import base64
import os
import warnings
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

import viseon
from viseon.rest import create_app
from viseon.rest.examples import BODIES, PICTURE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis


@pytest.fixture
def document(served):
    return served.get("/openapi.json").json()


@pytest.fixture
def world(local, box_model, tmp_path):
    """What the examples speak of."""
    onnx = local.blobs.add(box_model)
    for name in ("door", "people"):
        local.models.add(name=name, onnx=onnx, classes=("bar",))
    local.deployments.create(name="door", models=("people@1",))
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "dot.png").write_bytes(base64.b64decode(PICTURE))
    shop = viseon.Project("shop", platform=local, classes=("person",)).upload(folder)
    shop.version("first")
    local.views.put("shop", "door", where="width > 0")
    return local


def operations(document):
    for path, verbs in document["paths"].items():
        for verb, what in verbs.items():
            yield verb, path, what


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for entry in value.values():
            yield from references(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from references(entry)


def test_every_reference_resolves(document):
    for reference in references(document):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_every_operation_says_what_a_refusal_looks_like(document):
    for verb, path, what in operations(document):
        assert "422" not in what["responses"], (verb, path)
        assert "application/problem+json" in what["responses"]["default"]["content"]
    assert "Problem" in document["components"]["schemas"]


def complete(what):
    """Whether the document gives a value for everything that is required."""
    missing = [p for p in what.get("parameters", ()) if p.get("required") and "example" not in p]
    body = what.get("requestBody", {})
    content = body.get("content", {}).get("application/json", {})
    return not missing and (not body.get("required") or "example" in content)


NOT_HERE = {
    "recipes_get": "not made by a recipe",
    "datasets_restore": "is not deleted",
    "storage_purge": "no deleted dataset",
    "views_remove": "was deleted by",
}
"""Examples that this little world has nothing for, and what is said then."""


def test_every_example_runs(world, served, document):
    order = ("get", "put", "post", "delete")
    ran = set()
    able = [o for o in operations(document) if o[0] in order and complete(o[2])]
    for verb, path, what in sorted(able, key=lambda o: order.index(o[0])):
        values = {p["name"]: p["example"] for p in what.get("parameters", ()) if "example" in p}
        content = what.get("requestBody", {}).get("content", {}).get("application/json", {})
        answer = served.request(verb, path.format(**values), json=content.get("example"))
        if what["operationId"] in NOT_HERE:
            assert NOT_HERE[what["operationId"]] in answer.json()["message"]
            continue
        assert answer.status_code < 300, (what["operationId"], answer.text)
        ran.add(what["operationId"])
    assert set(BODIES) <= ran
    assert {"oip_model", "models_get", "datasets_manifest", "healthz", "readyz"} <= ran


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_nothing_the_document_allows_or_forbids_breaks_the_server(world, house, mode):
    app = create_app(house)
    app.state.leaving.set()  # answers without an end, end
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    asked, broken = Counter(), []

    def ask(case):
        answer = case.call()
        asked[answer.status_code] += 1
        busy = answer.status_code == 503 and "retry-after" in answer.headers
        leaving = answer.status_code == 503 and "ready" in case.path
        if answer.status_code >= 500 and not busy and not leaving:
            broken.append((case.method, case.formatted_path, answer.status_code, answer.text))

    for found in schema.get_all_operations():
        operation = found.ok()
        try:
            strategy = operation.as_strategy(generation_mode=mode)
            SOME(given(case=strategy)(ask))()
        except Unsatisfiable:
            assert mode is schemathesis.GenerationMode.NEGATIVE  # nothing can be wrong about it
    assert broken == []
    assert asked.total() > 500
    assert len(asked) > 3, asked


SOME = settings(
    max_examples=int(os.environ.get("VISEON_TEST_EXAMPLES", "10")),
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
