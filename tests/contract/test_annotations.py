"""Edits of labels, their history and the way back, near and far."""

import pytest

from viseon.schema import (
    Annotation,
    Conflict,
    Forbidden,
    Invalid,
    Mask,
    NotFound,
    Object,
    Principal,
    Role,
    Row,
    Scope,
    canonical_json,
)
from viseon.schema.label import LabelEdit

CAT = Object(id="a", class_name="cat", box=(1, 2, 30, 40))
DOG = Object(id="b", class_name="dog", box=(5, 5, 20, 20), attributes={"age": 3})
BIRD = Object(id="c", class_name="dog", box=(7, 7, 9, 9))


@pytest.fixture
def shop(platform):
    """Two pictures: one with a cat and a dog, committed; one about which nothing is said."""
    platform.datasets.create(name="shop", classes=("cat", "dog"))
    add(platform, filename="one.png", annotation=Annotation(objects=(CAT, DOG)))
    add(platform, filename="two.png")
    platform.datasets.commit("shop")
    return platform.annotations


def add(platform, *, filename, **row):
    digest = platform.blobs.put(filename.encode())
    given = Row(filename=filename, digest=digest, width=64, height=48, **row)
    body = canonical_json(given.model_dump(mode="json", exclude_defaults=True)) + b"\n"
    platform.datasets.add("shop", rows=platform.blobs.put(body))


def put(shop, *objects, filename="one.png", **more):
    return shop.edit("shop", filename=filename, edit=LabelEdit(put=objects), **more)


def moved(thing, x):
    return thing.model_copy(update={"box": (x, 3, x + 10, 23)})


def said(shop, filename="one.png", **more):
    return shop.get("shop", filename=filename, **more)


def as_someone(house, name, role=Role.ADMIN):
    return house.platform(Scope(principal=Principal(name=name, role=role))).annotations


def test_a_part_is_edited_and_the_rest_stays_where_it_was(platform, shop):
    before = said(shop)
    done = put(shop, moved(CAT, 3), BIRD, session="s1")
    now = said(shop)
    assert done.changed == 2
    assert (
        done.digest == now.digest == platform.datasets.sample("shop", filename="one.png").annotation
    )
    assert [o.id for o in now.annotation.objects] == ["a", "b", "c"]
    assert now.annotation.objects[0].box == (3, 3, 13, 23)
    assert said(shop, version=1).digest == before.digest
    shop.edit("shop", filename="one.png", edit=LabelEdit(remove=("a", "gone"), classes=("dog",)))
    assert [o.id for o in said(shop).annotation.objects] == ["b", "c"]
    assert said(shop).annotation.classes == ("dog",)


def test_an_edit_that_is_in_place_changes_nothing_even_when_it_comes_late(shop):
    stale = said(shop).digest
    first = put(shop, moved(CAT, 3), expected=stale)
    again = put(shop, moved(CAT, 3), expected=stale)
    assert (again.digest, again.changed) == (first.digest, 0)
    assert len(shop.history("shop").items) == 1


def test_whoever_comes_late_is_told_who_came_first(platform, shop, house):
    seen = said(shop).digest
    put(as_someone(house, "ada"), moved(CAT, 3), expected=seen, session="morning")
    with pytest.raises(Conflict, match=r"ada changed it in session 'morning'") as told:
        put(shop, moved(CAT, 9), expected=seen)
    assert said(shop).digest in told.value.fix
    put(shop, BIRD, filename="two.png", expected="none")
    add(platform, filename="one.png", annotation=Annotation(objects=(BIRD,)))
    with pytest.raises(Conflict, match="local brought another annotation by datasets.add"):
        put(shop, CAT, expected="none")


def test_a_whole_annotation_needs_what_was_seen(shop):
    whole = Annotation(objects=(DOG, CAT), classes=("cat",), reviewed=False)
    with pytest.raises(Invalid, match="expected"):
        shop.edit("shop", filename="two.png", edit=LabelEdit(annotation=whole))
    done = shop.edit("shop", filename="two.png", edit=LabelEdit(annotation=whole), expected="none")
    assert done.digest == whole.digest
    swapped = Annotation(objects=(CAT, DOG), classes=("cat",), reviewed=False)
    again = LabelEdit(annotation=swapped)
    same = shop.edit("shop", filename="two.png", edit=again, expected=done.digest)
    assert (same.digest, same.changed) == (done.digest, 0)  # objects keep their place


def test_blame_names_the_person_the_model_or_whoever_brought_it(platform, shop, house):
    scored = BIRD.model_copy(update={"provenance": None})
    body = scored.model_dump(mode="json") | {
        "provenance": {"by": "x", "at": "2030-01-01T00:00:00Z", "source": "model", "score": 0.75}
    }
    put(shop, Object.model_validate(body), source="model", model="pets@2")
    put(as_someone(house, "ada"), moved(CAT, 3), session="s1")
    found = {b.object or b.part: b for b in said(shop).blame}
    assert (found["a"].by, found["a"].source, found["a"].session) == ("ada", "person", "s1")
    assert (found["c"].by, found["c"].source, found["c"].model) == ("local", "model", "pets@2")
    assert found["c"].score == 0.75
    assert (found["b"].by, found["b"].source, found["b"].version) == ("local", "import", 1)
    assert found["b"].at == shop.origins("shop", filename="one.png")[0].at
    assert found["reviewed"].class_name == "yes"
    objects = {o.id: o.provenance for o in said(shop).annotation.objects}
    assert objects["c"].model == "pets@2"
    assert objects["a"].by == "ada"
    then = {b.object: b for b in said(shop, version=1).blame if b.object}
    assert {b.source for b in then.values()} == {"import"}


def test_who_imported_is_known_before_and_after_edits_and_commits(platform, shop, house):
    ada = house.platform(Scope(principal=Principal(name="ada", role=Role.ADMIN)))
    add(ada, filename="three.png", annotation=Annotation(objects=(CAT, DOG)))
    put(shop, moved(CAT, 3), filename="three.png")
    add(platform, filename="three.png", metadata={"camera_id": "x"})
    for again in (False, True):
        if again:
            platform.datasets.commit("shop")
        found = {b.object: b for b in said(shop, "three.png").blame}
        assert (found["a"].by, found["a"].source) == ("local", "person")
        assert (found["b"].by, found["b"].source, found["b"].version) == ("ada", "import", 2)
    (origin,) = shop.origins("shop", filename="three.png")
    assert (origin.by, origin.operation, origin.since) == ("ada", "datasets.add", 2)
    with pytest.raises(NotFound):
        shop.origins("shop", filename="four.png")


def test_history_is_filtered_and_paged(shop, house):
    ada = as_someone(house, "ada")
    put(shop, moved(CAT, 1), session="s1")
    put(ada, moved(CAT, 2), session="s2")
    put(shop, moved(DOG, 3), session="s2")
    put(shop, BIRD, filename="two.png", source="model", model="pets@2")
    everything = shop.history("shop").items
    assert [c.number for c in everything] == sorted((c.number for c in everything), reverse=True)
    assert len(everything) == 5  # the last one also said whether two.png was reviewed
    pages, cursor = [], ""
    while cursor is not None:
        page = shop.history("shop", cursor=cursor, limit=2)
        pages, cursor = [*pages, *page.items], page.next
    assert pages == list(everything)
    assert [c.by for c in shop.history("shop", object="a", filename="one.png").items] == [
        "ada",
        "local",
    ]
    assert {c.filename for c in shop.history("shop", model="pets@2").items} == {"two.png"}
    assert {c.object for c in shop.history("shop", session="s2").items} == {"a", "b"}
    (by_ada,) = shop.history("shop", by="ada").items
    assert by_ada.old.box[0] == 1
    assert by_ada.new.box[0] == 2
    assert shop.history("shop", until=by_ada.at).items == (everything[-1],)
    assert shop.history("shop", since=by_ada.at).items == everything[:-1]


def test_reverting_everything_gives_the_very_fingerprint(platform, shop, house):
    first = platform.datasets.version("shop", 1)
    shop.edit("shop", filename="one.png", edit=LabelEdit(remove=("a",)), session="s1")
    put(as_someone(house, "ada"), moved(DOG, 3), BIRD, session="s2")
    put(shop, CAT, session="s1")
    put(shop, BIRD, filename="two.png", session="s1")
    second = platform.datasets.commit("shop")
    assert second.fingerprint != first.fingerprint
    shown = shop.revert("shop", session="s2", dry_run=True)
    assert (shown.dry_run, shown.changed, shown.samples, shown.conflicts) == (True, 2, 1, 0)
    assert said(shop).digest == said(shop, version=2).digest
    assert shop.revert("shop", session="s2").changed == 2
    assert shop.revert("shop", session="s1").samples == 2
    assert shop.revert("shop", session="s1").changed == 0
    assert said(shop, "two.png").digest is None
    assert platform.datasets.commit("shop").fingerprint == first.fingerprint
    assert {b.source for b in said(shop).blame} == {"import"}


def test_what_others_changed_later_stays_unless_forced(shop, house):
    ada = as_someone(house, "ada")
    first = said(shop).digest
    put(shop, moved(CAT, 1), moved(DOG, 1), session="s1")
    put(ada, moved(CAT, 2))
    done = shop.revert("shop", session="s1")
    assert (done.changed, done.conflicts) == (1, 1)
    (kept,) = done.kept
    assert (kept.change.object, kept.by) == ("a", "ada")
    objects = {o.id: o for o in said(shop).annotation.objects}
    assert objects["a"].box[0] == 2
    assert objects["b"].box == DOG.box
    shop.revert("shop", session="s1", force=True)
    assert said(shop).digest == first


def test_an_import_in_between_is_not_taken_back(platform, shop):
    put(shop, moved(CAT, 1), moved(DOG, 1))
    brought = Annotation(objects=(moved(CAT, 7), moved(DOG, 1)))
    add(platform, filename="one.png", annotation=brought)
    done = shop.revert("shop", filename="one.png")
    assert (done.changed, done.conflicts) == (1, 1)
    assert "import" in done.kept[0].why
    boxes = {o.id: o.box for o in said(shop).annotation.objects}
    assert boxes["a"] == moved(CAT, 7).box
    assert boxes["b"] == DOG.box


def test_a_sample_goes_back_to_any_annotation_it_had(shop, house):
    first = said(shop).digest
    second = put(shop, moved(CAT, 1)).digest
    third = put(as_someone(house, "ada"), BIRD).digest
    assert shop.revert("shop", filename="one.png", to=second).changed == 1
    assert said(shop).digest == second
    assert shop.revert("shop", filename="one.png", to=first).changed == 1
    assert said(shop).digest == first
    assert shop.revert("shop", filename="one.png", to=third, dry_run=True).changed == 2
    shop.revert("shop", filename="one.png", to=third)
    assert said(shop).digest == third
    with pytest.raises(NotFound, match="never had"):
        shop.revert("shop", filename="two.png", to=first)
    put(shop, BIRD, filename="two.png")
    shop.revert("shop", filename="two.png", to="none")
    assert said(shop, "two.png").annotation is None


def test_one_object_goes_back(shop):
    put(shop, moved(CAT, 1), moved(DOG, 1))
    put(shop, moved(CAT, 2))
    done = shop.revert("shop", filename="one.png", object="a")
    assert [c.object for c in done.changes] == ["a"]
    boxes = {o.id: o.box for o in said(shop).annotation.objects}
    assert boxes == {"a": CAT.box, "b": moved(DOG, 1).box}


def test_a_revert_must_be_about_something(shop):
    with pytest.raises(Invalid, match="nothing says"):
        shop.revert("shop")
    with pytest.raises(Invalid, match="filename"):
        shop.revert("shop", object="a")
    with pytest.raises(Invalid, match="to:"):
        shop.revert("shop", to="none", by="ada")


def test_labelers_take_back_what_is_their_own(shop, house):
    bob, eve = (as_someone(house, n, r) for n, r in (("bob", Role.LABELER), ("eve", Role.REVIEWER)))
    put(bob, moved(CAT, 1))
    put(eve, moved(DOG, 1))
    with pytest.raises(Forbidden, match="eve"):
        bob.revert("shop", filename="one.png")
    assert bob.revert("shop", by="bob").changed == 1
    put(bob, moved(CAT, 2))
    assert eve.revert("shop", filename="one.png").changed == 2


@pytest.mark.parametrize(
    ("thing", "problem"),
    [
        ({"class_name": "cow"}, r"object 'x' is a 'cow'"),
        ({"box": (1, 1, 65, 2)}, r"object 'x': box reaches \(65, 2\), outside the picture of 64 by 48"),
        ({"polygons": ((1, 1, 2, -3, 4, 4),)}, "polygons"),
        ({"keypoints": ((1, 99, 2),)}, "keypoints"),
        ({"rotated": (70, 1, 2, 2, 45)}, "rotated"),
        ({"mask": Mask(height=64, width=64, counts="0")}, "64 by 64 pixels, the picture 64 by 48"),
        ({"mask": Mask(height=48, width=64, counts="5")}, "cover 5 of 3072"),
        ({"mask": Mask(height=48, width=64, counts="P")}, "counts end"),
        ({"id": " "}, "empty id"),
    ],
)  # fmt: skip
def test_what_cannot_be_in_the_picture_is_refused(shop, thing, problem):
    given = {"id": "x", "class_name": "cat", "box": (1, 1, 2, 2)} | thing
    with pytest.raises(Invalid, match=problem):
        put(shop, Object.model_validate(given))
    assert shop.history("shop").items == ()


def test_edits_that_contradict_themselves_are_refused(shop):
    with pytest.raises(Invalid, match="'cow'"):
        shop.edit("shop", filename="one.png", edit=LabelEdit(classes=("cow",)))
    with pytest.raises(Invalid, match="names the model"):
        put(shop, CAT, source="model")
    with pytest.raises(NotFound):
        put(shop, CAT, filename="nowhere.png")
    with pytest.raises(ValueError, match="'a' is named twice"):
        LabelEdit(put=(CAT,), remove=("a",))
    with pytest.raises(ValueError, match="either"):
        LabelEdit(annotation=Annotation(), put=(CAT,))


def test_rotated_boxes_masks_keypoints_and_tracks_come_back_as_they_were(shop):
    rich = Object(
        id="r",
        class_name="dog",
        box=(1, 1, 20, 20),
        rotated=(10, 10, 8, 4, 30),
        polygons=((1, 1, 2, 1, 2, 2),),
        mask=Mask(height=48, width=64, counts="0"),
        keypoints=((1, 1, 2), (999, 0, 0)),
        track_id=7,
        attributes={"n": 1, "x": 1.0, "b": True, "s": "ü"},
    )
    rich = rich.model_copy(update={"mask": Mask(height=48, width=64, counts=_empty_mask())})
    before = said(shop).digest
    put(shop, rich)
    assert said(shop).annotation.objects[-1].model_copy(update={"provenance": None}) == rich
    (change,) = shop.history("shop").items
    assert change.new == rich
    shop.edit("shop", filename="one.png", edit=LabelEdit(remove=("r",)))
    shop.revert("shop", filename="one.png")
    assert said(shop).digest == before


def _empty_mask():
    import numpy as np

    from viseon.vision.masks import encode, to_coco_rle

    return to_coco_rle(encode(np.zeros((1, 48, 64), bool)))[0]["counts"]
