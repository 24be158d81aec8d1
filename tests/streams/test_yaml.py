"""What a person may write wrong in a stream's YAML, and what they are told."""

import json
import re

import blocks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.schema import Invalid, ViseonError
from viseon.streams.document import read


def wrong(shop, old, new):
    assert old in blocks.YAML
    with pytest.raises(Invalid) as caught:
        shop.streams.check(document=blocks.YAML.replace(old, new), filename="hall.yaml")
    return caught.value


def test_what_is_right_is_accepted_and_filled_in(shop):
    stream = shop.streams.check(document=blocks.YAML)
    assert stream.name == "hall"
    assert stream.model == "blocks@1"
    assert stream.document["source"] == {
        "kind": "folder",
        "path": "film",
        "fps": 10.0,
        "started_at": "1970-01-01T00:00:00Z",
        "realtime": False,
    }
    assert stream.document["tracker"]["kind"] == "bytetrack"
    assert stream.document["tracker"]["lost_s"] > 0
    assert stream.document["lines"]["door"]["anchor"] == "bottom_center"


@pytest.mark.parametrize(
    ("old", "new", "message", "fix"),
    [
        ("from: [0.5", "form: [0.5", "hall.yaml:5: lines.door.form: unknown key", "did you mean 'from'?"),
        ("sinks:", "sink:", "hall.yaml:12: sink: unknown key", "did you mean 'sinks'?"),
        ("path: film", "pth: film", "hall.yaml:2: source.pth: unknown key", "did you mean 'path'?"),
        ("loiter_s: 0.5", "loiter: 1", "hall.yaml:7: zones.room.loiter: unknown key", "did you mean 'loiter_s'?"),
        ("line: door}", "lin: door}", "hall.yaml:9: rules.0.lin: unknown key", "did you mean 'line'?"),
        ("kind: folder", "kind: foldr", "hall.yaml:2: source.kind: no source named 'foldr'", "did you mean 'folder'"),
        ("kind: jsonl", "kind: json", "hall.yaml:14: sinks.1.kind: no sink named 'json'", "did you mean 'jsonl'"),
        ("to: [0.5, 0.0]", "to: [0.5, 1.5]", "hall.yaml:5: lines.door.to.1: input should be less than or equal to 1, not 1.5", "fractions"),
        ("to: [0.5, 0.0]", "to: [320, 200]", "hall.yaml:5: lines.door.to.0: ", "fractions of the frame"),
        ("to: [0.5, 0.0]", "to: [0.5, 1.0]", "hall.yaml:5: lines.door: ", "two different points"),
        ("to: [0.5, 0.0]", "to: [0.5]", "hall.yaml:5: lines.door.to.1: is missing", ""),
        ("to: [0.5, 0.0]", "to: [0.5, yes]", "hall.yaml:5: lines.door.to.1: expected a number, not true", ""),
        (", [1, 1], [0.5, 1]]", "]", "hall.yaml:7: zones.room.polygon: ", ""),
        ("[1, 0], [1, 1]", "[1, 1], [1, 0]", "hall.yaml:7: zones.room: ", "in order"),
        ("line: door}", "line: dor}", "hall.yaml:9: rules.0.line: no line named 'dor'", "did you mean 'door'?"),
        ("line: door}", "zone: room}", "hall.yaml:9: rules.0.zone: 'crossed' happens at a line", "line"),
        (", line: door}", "}", "hall.yaml:9: rules.0: 'crossed' needs a line", "there is door"),
        ("line: door}", "line: door, classes: [blok]}", "hall.yaml:9: rules.0.classes.0: model blocks@1 has no class 'blok'", "did you mean 'block'?"),
        ("{when: entered, zone: room}", "{when: entered, zone: room, direction: in}", "hall.yaml:10: rules.1.direction: only a line", "remove it"),
        ("when: entered", "when: enterd", "hall.yaml:10: rules.1.when: 'enterd' is not known", "did you mean 'entered'?"),
        ("when: left", "when: crossed", "hall.yaml:11: rules.2.zone", "line"),
        (", loiter_s: 0.5}", "}\nx: 1", "hall.yaml:8: x: unknown key", ""),
        ("stream: hall", "stream: Hall Nord", "hall.yaml:1: stream: ", ""),
        ("stream: hall", "stream: schema", "hall.yaml:1: stream: 'schema' is reserved", "choose another"),
        ("blocks@1", "blocks@7", "hall.yaml:3: model: model 'blocks' has no '7'", "blocks@1, blocks@production"),
        ("blocks@1", "bricks@1", "hall.yaml:3: model: no model named 'bricks'", "viseon models add"),
        ("blocks@1", "blocks", "hall.yaml:3: model: 'blocks' does not say which one", "name@number"),
        ("blocks@1", "models/x.onnx", "hall.yaml:3: model: 'models/x.onnx' is a file", "viseon models add"),
        ("model: blocks@1\n", "", "hall.yaml:1: model: is missing", "add `model"),
        ("  room:", "  door:", "hall.yaml:7: zones.door: is also the name of a line", "another name"),
        ("sinks:", "lines:", "hall.yaml:12: key 'lines' is already given in line 4", ""),
        ("  room:", "  1:", "hall.yaml:7: zones: key 1 is not text", "quotes"),
        ("source: {kind: folder, path: film}", "source: {kind: folder, path: film", "hall.yaml:3: not YAML", "indentation"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_key_and_the_fix(shop, old, new, message, fix):
    error = wrong(shop, old, new)
    assert error.message.startswith(message), error.message
    assert fix in error.fix, error.fix


def test_loitering_needs_a_time(shop):
    text = blocks.YAML.replace(", loiter_s: 0.5", "").replace("when: left", "when: loitered")
    with pytest.raises(Invalid, match="'room' does not say what loitering is") as caught:
        shop.streams.check(document=text)
    assert "zones.room" in caught.value.fix


def test_a_class_that_is_not_looked_for_cannot_fire(shop):
    text = blocks.YAML.replace("line: door}", "line: door, classes: [ball]}")
    shop.streams.check(document=text)
    with pytest.raises(Invalid, match="'ball' is not looked for"):
        shop.streams.check(document=text + "detect: {classes: [block]}\n")


@pytest.mark.parametrize("text", ["", "[]", "42", "- a\n- b", "just words"])
def test_what_is_not_a_mapping_is_refused(text):
    with pytest.raises(Invalid, match="stream is a mapping"):
        read(text)


def test_aliases_of_aliases_do_not_fill_the_memory():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 9):
        bomb += f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n"
    with pytest.raises(Invalid, match="far too large"):
        read(bomb)
    with pytest.raises(Invalid):
        read("a: &a [*a]")


def test_python_objects_are_not_made():
    with pytest.raises(Invalid):
        read("stream: !!python/object/apply:os.system ['true']")


def test_json_is_yaml(shop):
    stream = shop.streams.check(document=blocks.YAML)
    again = shop.streams.check(document=json.dumps(stream.document))
    assert again.config == stream.config


def _refusal(act):
    try:
        act()
    except ViseonError as error:
        return error
    return None


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=200))
def test_any_text_is_a_document_or_invalid(text):
    error = _refusal(lambda: read(text))
    assert error is None or error.message.startswith("stream.yaml")


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_whatever_is_broken_the_message_names_the_file_and_a_line_that_exists(data):
    """Deleting or doubling any one piece of the text is accepted or explained, never a crash."""
    from viseon.streams.check import check

    words = re.split(r"(\W)", blocks.YAML)
    at = data.draw(st.integers(0, len(words) - 1))
    words[at] = data.draw(st.sampled_from(["", words[at] * 2, "x", "[", "-1", "{}", "null"]))
    text = "".join(words)

    class _Model:
        ref, digest = "blocks@1", "0" * 64
        signature = blocks.SIGNATURE

    error = _refusal(lambda: check(read(text, name="hall.yaml"), lambda *_: _Model))
    if error is not None:
        found = re.match(r"hall\.yaml(?::(\d+))?: ", error.message)
        assert found, error.message
        assert 1 <= int(found[1] or 1) <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("out/hall.jsonl", "elsewhere/hall.jsonl"),
        ("  - {kind: events}\n", ""),
        ("path: film}", "path: film, realtime: true}"),
        ("sinks:", "snapshot: {events: false}\nsinks:"),
        ("blocks@1", "blocks@production"),
        ("loiter_s: 0.5", "loiter_s: 0.50"),
        ("  door: {from: [0.5, 1.0]", "  door: {anchor: bottom_center, from: [0.5, 1.0]"),
    ],
)
def test_what_does_not_change_the_events_does_not_change_the_digest(shop, old, new):
    assert old in blocks.YAML
    changed = shop.streams.check(document=blocks.YAML.replace(old, new))
    assert changed.config == shop.streams.check(document=blocks.YAML).config


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stream: hall", "stream: hall-2"),
        ("path: film", "path: film-2"),
        ("path: film", "path: film, fps: 12"),
        ("from: [0.5, 1.0]", "from: [0.5, 0.99]"),
        ("loiter_s: 0.5", "loiter_s: 0.6"),
        ("line: door}", "line: door, direction: in}"),
        ("lines:", "detect: {every: 2}\nlines:"),
        ("lines:", "tracker: {kind: bytetrack, lost_s: 3}\nlines:"),
    ],
)
def test_what_may_change_the_events_changes_the_digest(shop, old, new):
    assert old in blocks.YAML
    changed = shop.streams.check(document=blocks.YAML.replace(old, new))
    assert changed.config != shop.streams.check(document=blocks.YAML).config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 5000, "stream.yaml"),
        ("a: " + "x" * 1_000_001, "too many"),
        ("a:\n  b: .inf", "stream.yaml:2: a.b: .inf is not a number"),
        ("a: [1, .nan]", "stream.yaml:1: a.1: .nan is not a number"),
        ('a: "\\0"', "stream.yaml:1: a: holds a character"),
        ('a: "\\ud800"', "stream.yaml:1: a: holds a character"),
        ("a: 2026-99-99", "stream.yaml:1: a: cannot read"),
    ],
)
def test_what_no_store_could_hold_is_refused_at_the_door(text, message):
    with pytest.raises(Invalid, match=re.escape(message)):
        read(text)


def test_a_date_may_stand_without_quotes(shop):
    text = blocks.YAML.replace("path: film", "path: film, started_at: 2026-03-01T08:00:00+01:00")
    found = shop.streams.check(document=text).document["source"]["started_at"]
    assert found == "2026-03-01T08:00:00+01:00"


@pytest.mark.parametrize(
    ("sink", "other"),
    [
        ("{kind: csv, path: film}", "source"),
        ("{kind: csv, path: ./film/}", "source"),
        ("{kind: csv, path: out/../out/hall.jsonl}", "sinks.1"),
    ],
)
def test_no_sink_may_overwrite_the_source_or_another(shop, sink, other):
    with pytest.raises(Invalid, match=f"is also the file of {other}") as caught:
        shop.streams.check(document=blocks.YAML + f"  - {sink}\n")
    assert caught.value.message.startswith("stream.yaml:15: sinks.2.path: ")
