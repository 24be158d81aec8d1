"""What is in one picture of a version, asked for by its name."""

import pytest

from viseon.schema import Annotation, NotFound, Object, Row, canonical_json

PERSON = Annotation(objects=(Object(id="1", class_name="person", box=(1, 2, 30, 40)),))


@pytest.fixture
def street(platform):
    platform.datasets.create(name="street", classes=("person",))
    return platform


def add(platform, **row):
    body = canonical_json(Row(**row).model_dump(mode="json", exclude_defaults=True)) + b"\n"
    platform.datasets.add("street", rows=platform.blobs.put(body))


def test_a_versions_annotation_stays_when_the_working_area_changes(street):
    digest = street.blobs.put(b"one")
    add(street, filename="one.png", digest=digest, annotation=PERSON, width=64, height=48)
    street.datasets.commit("street")
    add(street, filename="one.png", digest=digest, annotation=Annotation(), width=64, height=48)
    assert street.datasets.annotation("street", filename="one.png", version=1) == PERSON
    assert street.datasets.annotation("street", filename="one.png") == Annotation()


def test_a_picture_about_which_nothing_is_said_has_none_and_the_error_names_it(street):
    add(street, filename="two.png", digest=street.blobs.put(b"two"))
    with pytest.raises(NotFound, match="two.png"):
        street.datasets.annotation("street", filename="two.png")
    with pytest.raises(NotFound):
        street.datasets.annotation("street", filename="three.png")
