"""The names people guess, near and far."""

import cv2
import numpy as np
import pytest

import viseon
from viseon.schema import Conflict, NotFound


@pytest.fixture
def pictures(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    for number in range(4):
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[:, 10 * number : 10 * number + 8] = 255
        cv2.imwrite(str(root / f"{number}.png"), pixels)
    return root


def test_a_project_uploads_versions_and_downloads(platform, pictures, tmp_path):
    shop = viseon.Project("shop", platform=platform, classes=("bar",))
    first = shop.upload(pictures).version("first pictures")
    assert first.samples == 4
    assert shop.version("again") == first
    assert shop.dataset.head == 1
    assert [v.number for v in shop.versions()] == [1]
    shop.download(tmp_path / "out")
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").glob("*.png")} == {
        p.name: p.read_bytes() for p in pictures.iterdir()
    }


def test_a_project_without_pictures_has_nothing_to_freeze(platform):
    with pytest.raises(Conflict, match="nothing to commit"):
        viseon.Project("empty", platform=platform).version("nothing")


def test_a_new_project_takes_task_and_classes_from_what_is_uploaded(platform, pictures):
    rows = [f"{n}.png,bar,{10 * n},0,{10 * n + 8},64" for n in range(4)]
    text = "filename,class,xmin,ymin,xmax,ymax\n" + "\n".join(rows)
    (pictures / "labels.csv").write_text(text)
    shop = viseon.Project("shop", platform=platform).upload(pictures)
    assert shop.dataset.classes == ("bar",)
    assert shop.version("first").samples == 4


def test_boxes_are_annotated_by_hand_and_by_a_model(platform, pictures, box_model):
    shop = viseon.Project("shop", platform=platform, classes=("bar",)).upload(pictures)
    labels = viseon.Annotate("shop", platform=platform)
    labels.boxes("0.png", [("bar", (0, 16, 8, 48))])
    platform.models.add(name="bright", onnx=platform.blobs.add(box_model), classes=("bar",))
    assert labels.prelabel("bright") == 3
    assert labels.prelabel("bright") == 0
    shop.version("labelled")
    by_hand = platform.datasets.annotation("shop", filename="0.png")
    by_model = platform.datasets.annotation("shop", filename="2.png")
    assert by_hand.reviewed
    assert not by_model.reviewed
    (thing,) = by_model.objects
    assert thing.class_name == "bar"
    assert thing.box[0] < 24 < thing.box[2]


def test_a_deployed_model_answers_and_explains_itself(platform, pictures, box_model):
    platform.models.add(name="bright", onnx=platform.blobs.add(box_model), classes=("bar",))
    model = viseon.Deploy("bright@1", platform=platform)
    found = model(pictures / "2.png")
    assert found.class_id.tolist() == [0]
    assert found.xyxy[0, 0] < 24 < found.xyxy[0, 2]
    assert "decoder" in model.explain()
    with pytest.raises(NotFound):
        viseon.Deploy("nobody", platform=platform)


def test_training_is_refused_before_anything_is_queued(platform):
    with pytest.raises(NotFound, match="nothing"):
        viseon.Train("nothing", platform=platform).start()
    assert platform.jobs.find().items == ()


def test_the_table_of_contents_is_what_it_says():
    for name in viseon.__all__:
        assert getattr(viseon, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        viseon.nonsense  # noqa: B018
