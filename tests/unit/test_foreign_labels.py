"""Labels that no format reads are never left behind without a word."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from viseon.datasets.transfer import import_folder
from viseon.schema import Invalid


@pytest.fixture
def foreign(tmp_path):
    root = tmp_path / "task"
    (root / "images").mkdir(parents=True)
    cv2.imwrite(str(root / "images" / "a.png"), np.zeros((8, 8, 3), np.uint8))
    (root / "annotations.xml").write_text("<annotations><version>1.1</version></annotations>")
    return root


def test_the_import_names_the_file_and_the_way_out(local, foreign):
    with pytest.raises(Invalid, match=r"annotations\.xml") as caught:
        import_folder(local, foreign, dataset="shop")
    assert "--format folder" in caught.value.fix
    assert local.datasets.find().items == ()


def test_asked_for_the_pictures_alone_come_in(local, foreign):
    assert import_folder(local, foreign, dataset="shop", format="folder").added == 1


@pytest.mark.parametrize("folder", ["cvat_dataset", "mot_dataset"])
def test_real_folders_of_other_tools_are_not_half_imported(local, shared_data, folder):
    with pytest.raises(Invalid):
        import_folder(local, shared_data / "formats" / folder, dataset="shop")


GOLDEN = Path(__file__).parents[1] / "golden" / "formats" / "read"


def test_a_folder_of_datasets_names_each_with_its_format(local):
    with pytest.raises(Invalid, match=r"holds several datasets: .*coco \(coco\), csv \(csv\)"):
        import_folder(local, GOLDEN, dataset="shop")


@pytest.mark.parametrize(
    ("part", "format"), [("voc/Annotations", "voc"), ("yolo-obb/labels", "yolo"), ("mot/walk/gt", "mot")]
)  # fmt: skip
def test_a_part_of_a_dataset_names_the_whole(local, part, format):
    with pytest.raises(Invalid, match=f"part of a dataset in the format {format}") as caught:
        import_folder(local, GOLDEN / part, dataset="shop")
    assert caught.value.fix == f"import the whole of it: {(GOLDEN / part).parent}"
