"""Deployments near and far: predictions with their provenance, swaps, ensembles, limits."""

import base64
import json
import threading

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from viseon.app import LOCAL
from viseon.inference.registry import model_key
from viseon.schema import Conflict, Invalid, Model, NotFound, Serving


def answer(score=0.9, class_id=1, x=15.0):
    """What a YOLOX-decoded graph says: one object of 10 x 8."""
    rows = np.full((84, 8), 0.01, np.float32)
    rows[:, :2] = np.linspace(0, 64, 84)[:, None]
    rows[9, :5] = [x + 5, 32, 10, 8, 1.0]
    rows[9, 5:] = 0.01
    rows[9, 5 + class_id] = score
    return {"output": rows}


@pytest.fixture
def brought(local, make_onnx):
    """Models `boxes@1` (score 0.9), `boxes@2` (0.8), `boxes@3` (0.7, elsewhere)."""
    for index, outputs in enumerate((answer(), answer(0.8), answer(0.7, x=16.0))):
        onnx = local.blobs.put(make_onnx(outputs, file=f"{index}.onnx").read_bytes())
        local.models.add(name="boxes", onnx=onnx, classes=("a", "b", "c"))
    return local


def picture(kind=".png", width=64, height=64):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.imencode(kind, pixels)[1].tobytes()


def test_a_deployment_is_created_found_swapped_and_removed(brought, platform):
    made = platform.deployments.create(name="door", models=["boxes@1"])
    assert platform.deployments.get("door") == made
    assert [d.name for d in platform.deployments.find().items] == ["door"]
    assert made.models == ("boxes@1",)
    with pytest.raises(Conflict, match="exists"):
        platform.deployments.create(name="door", models=["boxes@1"])
    swapped = platform.deployments.swap("door", models=["boxes"])
    assert (swapped.models, swapped.revision) == (("boxes@3",), 2)
    assert swapped.config != made.config
    platform.deployments.remove("door")
    with pytest.raises(NotFound, match="door"):
        platform.deployments.get("door")


def test_a_prediction_says_what_made_it_and_where_the_time_went(brought, platform):
    platform.deployments.create(name="door", models=["boxes@1"])
    image = platform.blobs.put(picture())
    (told,) = platform.deployments.predict("door", images=[image])
    model = platform.models.get("boxes@1")
    assert (told.models, told.digests, told.versions) == (("boxes@1",), (model.digest,), (None,))
    assert told.config == platform.deployments.get("door").config
    assert (told.width, told.height) == (64, 64)
    (thing,) = told.objects
    assert (thing.class_name, thing.score) == ("b", pytest.approx(0.9))
    assert thing.box == pytest.approx((15, 28, 25, 36), abs=0.01)
    spent = told.latency
    parts = spent.pre_ms + spent.queue_ms + spent.model_ms + spent.post_ms
    assert 0 < parts <= spent.total_ms + 1


@pytest.mark.parametrize("missing", [{"models": ["ghost"]}, {"models": ["boxes@9"]}])
def test_a_model_that_is_not_there_is_not_deployed(brought, platform, missing):
    with pytest.raises(NotFound):
        platform.deployments.create(name="door", **missing)
    assert platform.deployments.find().items == ()


@pytest.mark.parametrize(
    ("said", "word"),
    [({"models": []}, "at least one"), ({"models": ["boxes"], "weights": [1, 2]}, "one for each"),
     ({"models": ["boxes"], "serving": {"max_batch": 65}}, "max_batch"),
     ({"models": ["boxes"], "serving": {"options": {"thread": 1}}}, "threads"),
     ({"models": ["boxes", "other"]}, "same class names"),
     ({"models": ["boxes@1", "boxes@2"], "weights": [1, 0]}, "weights.1: 0.0"),
     ({"models": ["boxes@1", "boxes@2"], "weights": [1, 1e308]}, "at most 1000"),
     ({"models": ["boxes@1", "boxes@2"], "weights": [-1, 1]}, "weights.0"),
     ({"models": ["boxes@3", "boxes"]}, "boxes@3 is there twice"),
     ({"models": ["boxes"] * 17}, "at most 16")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(brought, platform, make_onnx, said, word):
    onnx = brought.blobs.put(make_onnx(answer(), file="o.onnx").read_bytes())
    brought.models.add(name="other", onnx=onnx, classes=("x", "y", "z"))
    with pytest.raises(Invalid) as error:
        platform.deployments.create(name="door", **said)
    assert word in str(error.value)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_weight_that_is_no_number_is_refused(brought, served, word):
    said = {"name": "door", "models": ["boxes@1", "boxes@2"], "weights": [1, word]}
    response = served.post("/v1/deployments", json=said)
    assert (response.status_code, response.json()["detail"][:9]) == (422, "weights.1")


def test_an_ensemble_fuses_its_models(brought, platform):
    platform.deployments.create(name="both", models=["boxes@1", "boxes@2"], weights=[3, 1])
    (told,) = platform.deployments.predict("both", images=[platform.blobs.put(picture())])
    (thing,) = told.objects
    assert thing.score == pytest.approx((0.9 * 3 + 0.8) / 4, abs=1e-4)
    assert told.models == ("boxes@1", "boxes@2")


@pytest.fixture
def door(brought, served):
    brought.deployments.create(name="door", models=["boxes@1"])
    return served


def scores(response):
    assert response.status_code == 200, response.text
    return [[o["score"] for o in p["objects"]] for p in response.json()["predictions"]]


def test_pictures_come_raw_in_a_form_or_as_base64(door):
    data = picture()
    url = "/v1/deployments/door/predict"
    raw = door.post(url, content=data, headers={"Content-Type": "image/png"})
    plain = door.post(url, content=data)
    files = [("images", ("a.png", data)), ("images", ("b.jpg", picture(".jpg")))]
    form = door.post(url, files=files)
    text = base64.b64encode(data).decode()
    sent = door.post(url, json={"images": [text, f"data:image/png;base64,{text}"]})
    assert scores(raw) == scores(plain) == [[0.9]]
    assert scores(form) == scores(sent) == [[0.9], [0.9]]
    assert scores(door.post("/v1/predict", content=data)) == [[0.9]]


def test_options_change_the_answer(door):
    url = "/v1/deployments/door/predict"
    data = picture()
    assert scores(door.post(url, content=data, params={"score": 0.95})) == [[]]
    assert scores(door.post(url, content=data, params={"classes": "a,c"})) == [[]]
    assert scores(door.post(url, content=data, params={"classes": "b"})) == [[0.9]]
    tiled = door.post(url, content=picture(width=200, height=64), params={"tile": 64})
    assert len(scores(tiled)[0]) > 1
    drawn = door.post(url, content=data, params={"answer": "image"})
    assert drawn.headers["content-type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(drawn.content, np.uint8), 1).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("params", "body", "status", "word"),
    [({}, b"", 422, "empty"), ({}, b"not a picture", 422, "picture"),
     ({"score": 2}, b"x", 422, "score"), ({"classes": "bb"}, None, 422, "no class"),
     ({"tile": 5}, b"x", 422, "tile"), ({"colour": "red"}, b"x", 422, "colour"),
     ({"tile": 64, "overlap": 0.9}, picture(width=400, height=300), 422, "2053 pictures"),
     ({}, picture()[:200], 422, "cut short")],
)  # fmt: skip
def test_requests_that_cannot_be_answered_say_why(door, params, body, status, word):
    response = door.post(
        "/v1/deployments/door/predict", params=params, content=picture() if body is None else body
    )
    assert response.status_code == status
    assert word in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "word"),
    [({}, "images"), ({"images": []}, "images"), ({"images": ["%%%"]}, "base64"),
     ({"images": [{"url": "http://127.0.0.1/a.png"}]}, "does not fetch"), ([1], "")],
)  # fmt: skip
def test_json_bodies_that_make_no_sense_are_refused(door, body, word):
    response = door.post("/v1/deployments/door/predict", json=body)
    assert response.status_code in (403, 422)
    assert word in response.json()["detail"]


def test_an_unknown_deployment_names_those_there_are(door):
    response = door.post("/v1/deployments/dor/predict", content=picture())
    assert response.status_code == 404
    assert "door" in response.json()["fix"]


def test_predict_without_a_name_needs_exactly_one_deployment(brought, served):
    assert "no deployment" in served.post("/v1/predict", content=picture()).json()["message"]
    for name in ("a", "b"):
        brought.deployments.create(name=name, models=["boxes@1"])
    assert "several" in served.post("/v1/predict", content=picture()).json()["message"]


def test_a_swap_fails_no_request_and_answers_change_once(brought, served):
    brought.deployments.create(name="door", models=["boxes@1"], serving=Serving(max_wait_ms=0))
    data, seen, stop = picture(), [], threading.Event()

    def ask():
        while not stop.is_set():
            seen.append(served.post("/v1/deployments/door/predict", content=data))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in (2, 1, 2, 3):
        brought.deployments.swap("door", models=[f"boxes@{number}"])
    before = len(seen)
    while len(seen) < before + 20:
        threading.Event().wait(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert {response.status_code for response in seen} == {200}
    assert {s for r in seen for (s,) in scores(r)} <= {0.9, 0.8, 0.7}
    assert scores(seen[-1]) == [[0.7]]


def loaded(house):
    """The engines in memory; the very same object means that nothing was loaded anew."""
    return {key: engine for key, (engine, _) in house.model_server._pool.loaded().items()}


def test_a_swap_of_the_deadline_alone_keeps_the_model_loaded(brought, house):
    brought.deployments.create(name="door", models=["boxes@1"])
    before = loaded(house)
    swapped = brought.deployments.swap(
        "door", models=["boxes@1"], serving=Serving(timeout_ms=500, score=0.5)
    )
    assert swapped.serving.timeout_ms == 500
    assert len(before) == 1
    assert loaded(house) == before
    brought.deployments.swap("door", models=["boxes@1"], serving=Serving(max_batch=2))
    assert loaded(house).keys().isdisjoint(before)


def test_a_model_that_another_deployment_shares_stays_loaded(brought, house):
    for name in ("door", "gate"):
        brought.deployments.create(name=name, models=["boxes@1"])
    before = loaded(house)
    brought.deployments.swap("door", models=["boxes@2"])
    assert before.items() <= loaded(house).items()
    brought.deployments.swap("door", models=["boxes@1"])
    brought.deployments.remove("door")
    assert loaded(house) == before
    brought.deployments.remove("gate")
    assert loaded(house) == {}


@pytest.mark.parametrize("cure", ["swap", "remove"])
def test_a_deployment_whose_model_is_gone_can_be_swapped_and_removed(
    brought, house, platform, cure
):
    platform.deployments.create(name="door", models=["boxes@1"])
    before = loaded(house)
    with house.store.catalog(LOCAL).transaction() as records:
        records.remove(Model, model_key("boxes", 1))
    if cure == "swap":
        assert platform.deployments.swap("door", models=["boxes@2"]).models == ("boxes@2",)
    else:
        platform.deployments.remove("door")
        assert platform.deployments.find().items == ()
    assert loaded(house).keys().isdisjoint(before)


def test_too_much_at_once_is_refused_with_a_reason_and_when_to_come_back(brought, served):
    brought.deployments.create(
        name="door", models=["boxes@1"], serving=Serving(queue=3, max_batch=2, max_wait_ms=0)
    )
    files = [("images", (f"{i}.png", picture())) for i in range(5)]
    response = served.post("/v1/deployments/door/predict", files=files)
    assert response.status_code == 503
    assert "3 may" in response.json()["message"]
    assert int(response.headers["retry-after"]) >= 1
    assert "viseon_refused_total" in served.get("/metrics").text


def test_stats_and_metrics_count_what_was_answered(door):
    for _ in range(5):
        door.post("/v1/deployments/door/predict", content=picture())
    stats = door.get("/v1/deployments/door/stats").json()
    assert stats["answered"] == 5
    assert stats["latency_ms"]["total"]["p99"] >= stats["latency_ms"]["total"]["p50"] > 0
    text = door.get("/metrics").text
    assert 'viseon_predictions_total{deployment="door"} 5' in text
    assert 'viseon_predict_seconds_count{deployment="door",stage="model"} 5' in text
    assert 'viseon_predict_seconds_bucket{deployment="door",stage="total",le="+Inf"} 5' in text


def test_a_deployment_that_is_removed_is_not_counted_any_more(door):
    door.post("/v1/deployments/door/predict", content=picture())
    text = door.get("/metrics").text
    assert 'viseon_requests_inside{deployment="door"} 0' in text
    assert 'viseon_pictures_memory_mb{deployment="all"} 0' in text
    door.delete("/v1/deployments/door")
    assert '"door"' not in door.get("/metrics").text


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(st.binary(max_size=300), st.recursive(st.none() | st.booleans() | st.text() | st.integers(),
              lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)),
    st.sampled_from(["image/png", "application/json", "multipart/form-data; boundary=x", "", "text/html"]),
    st.sampled_from(["/v1/deployments/door/predict", "/v1/predict", "/v2/models/door/infer"]),
    st.dictionaries(st.sampled_from(["score", "iou", "tile", "classes", "timeout_ms", "answer", "x"]), st.text(max_size=8)),
)  # fmt: skip
def test_whatever_is_sent_is_never_our_fault(door, body, kind, path, params):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = door.post(path, content=content, params=params, headers={"Content-Type": kind})
    assert response.status_code < 500 or response.status_code == 503, response.text


def test_a_large_body_is_refused_while_it_arrives(door, monkeypatch):
    monkeypatch.setattr("viseon.rest.admission.MAX_MB", 0)
    response = door.post("/v1/deployments/door/predict", content=picture())
    assert response.status_code == 413
