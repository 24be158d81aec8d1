"""Deployments, exports and parity, near and far."""

import cv2
import numpy as np
import pytest

import viseon
from viseon.schema import Conflict, NotFound


@pytest.fixture
def model(platform, box_model):
    return platform.models.add(
        name="bright", onnx=platform.blobs.add(box_model), classes=("bar",), licence="Apache-2.0"
    )


@pytest.fixture
def labelled(platform, tmp_path):
    """Six pictures of bars, labelled where they are."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[:, 10 + 7 * number : 18 + 7 * number] = 255
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    shop = viseon.Project("bars", platform=platform, classes=("bar",)).upload(folder)
    labels = viseon.Annotate("bars", platform=platform)
    for number in range(6):
        middle = 13.5 + 7 * number
        labels.boxes(f"{number}.png", [("bar", (middle - 8, 16, middle + 8, 48))])
    return shop.version("labelled").ref


def test_a_deployment_answers_with_what_made_the_answer(platform, model):
    made = platform.deployments.create(name="door", models=("bright@1",))
    assert platform.deployments.get("door") == made
    assert [d.name for d in platform.deployments.find().items] == ["door"]
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 28:36] = 255
    image = platform.blobs.put(cv2.imencode(".png", pixels)[1].tobytes())
    (told,) = platform.deployments.predict("door", images=(image,))
    assert told.digests == (model.digest,)
    assert platform.deployments.stats("door").model_dump()
    swapped = platform.deployments.swap("door", models=("bright",))
    assert swapped.revision == 2
    platform.deployments.remove("door")
    with pytest.raises(NotFound, match="door"):
        platform.deployments.get("door")


def test_one_name_one_deployment(platform, model):
    platform.deployments.create(name="door", models=("bright@1",))
    with pytest.raises(Conflict, match="exists"):
        platform.deployments.create(name="door", models=("bright@1",))
    with pytest.raises(NotFound):
        platform.deployments.create(name="gate", models=("nobody@1",))


def test_exporters_say_whether_they_are_available_or_what_is_missing(platform):
    found = {e.name: e for e in platform.models.exporters()}
    assert {"int8", "fp16", "openvino", "tensorrt", "coreml", "tflite"} <= set(found)
    assert all(e.available or e.missing for e in found.values())


def test_a_backend_is_held_to_the_reference(platform, model, labelled):
    job = platform.models.parity("bright", data=labelled, backend="onnxruntime").wait()
    assert job.result["passed"] is True


def test_a_variant_is_measured_beside_its_origin(platform, model, labelled):
    job = platform.models.export("bright", exporter="fp16", data=labelled).wait()
    assert job.result["table"]
    assert {m.number for m in platform.models.versions("bright").items} >= {1}
