"""Streams as the catalog knows them."""

import blocks
import pytest

from viseon.schema import Conflict, NotFound, StreamState
from viseon.streams import Status, Streams


def test_applying_twice_changes_nothing(shop):
    first = shop.apply()
    assert shop.apply() == first
    assert len(shop.streams.history("hall").items) == 1


def test_every_configuration_is_kept_newest_first(shop):
    shop.apply()
    second = shop.apply(blocks.YAML.replace("[0.5, 1.0]", "[0.4, 1.0]"))
    assert second.number == 2
    found = shop.streams.history("hall").items
    assert [c.number for c in found] == [2, 1]
    assert found[0].config == second.config != found[1].config
    assert found[1].text == blocks.YAML
    assert found[1].model_digest == shop.model.digest


def test_history_is_paged(shop):
    for n in range(5):
        shop.apply(blocks.YAML.replace("[0.5, 1.0]", f"[0.{n}1, 1.0]"))
    first = shop.streams.history("hall", limit=2)
    second = shop.streams.history("hall", limit=2, cursor=first.next)
    third = shop.streams.history("hall", limit=2, cursor=second.next)
    assert [c.number for c in first.items + second.items + third.items] == [5, 4, 3, 2, 1]
    assert third.next is None


def test_a_tag_is_resolved_when_applied_and_not_again(shop):
    stream = shop.apply(blocks.YAML.replace("blocks@1", "blocks@production"))
    assert stream.model == "blocks@1"


def test_start_and_stop_say_what_is_wanted(shop):
    shop.apply()
    started = shop.streams.start("hall")
    assert (started.desired, started.state) == ("running", StreamState.STARTING)
    assert "viseon serve" in started.reason
    assert shop.streams.start("hall") == started
    stopped = shop.streams.stop("hall")
    assert (stopped.desired, stopped.state) == ("stopped", StreamState.STOPPED)


def test_a_running_stream_is_not_removed_and_its_past_outlives_it(shop):
    shop.apply()
    shop.streams.start("hall")
    with pytest.raises(Conflict, match="is running") as caught:
        shop.streams.remove("hall")
    assert caught.value.fix == "stop it first"
    shop.streams.stop("hall")
    shop.streams.remove("hall")
    with pytest.raises(NotFound, match="no stream named 'hall'"):
        shop.streams.get("hall")
    assert len(shop.streams.history("hall").items) == 1
    assert shop.apply(blocks.YAML + "snapshot: {events: false}\n").number == 2


@pytest.mark.parametrize("verb", ["get", "start", "stop", "remove", "history"])
def test_a_stream_that_is_not_there_is_not_found(shop, verb):
    with pytest.raises(NotFound, match="no stream named 'nowhere'"):
        getattr(shop.streams, verb)("nowhere")


def test_find_is_paged_by_name(shop):
    for name in ("c", "a", "b"):
        shop.apply(blocks.YAML.replace("stream: hall", f"stream: {name}"))
    first = shop.streams.find(limit=2)
    assert [s.name for s in first.items] == ["a", "b"]
    assert [s.name for s in shop.streams.find(cursor=first.next).items] == ["c"]


def test_check_stores_nothing(shop):
    shop.streams.check(document=blocks.YAML)
    assert shop.streams.find().items == ()
    with pytest.raises(NotFound):
        shop.streams.history("hall")


def test_the_newest_figures_come_from_whoever_watches(shop):
    status = Status(state=StreamState.RUNNING, frames=7, fps=9.5, counts={"door": {"in": 1}})
    streams = Streams(shop.catalog, blocks.now, newest={"hall": status}.get)
    shop.apply()
    assert streams.get("hall").frames == 0  # it is not running: the figures are of the past
    streams.start("hall")
    assert streams.get("hall").frames == 7
    assert streams.find().items[0].counts == {"door": {"in": 1}}


def test_the_schema_has_every_plugin_with_its_own_options(shop):
    schema = shop.streams.schema()
    assert schema["$defs"]["LineSpec"]["required"] == ["from", "to"]
    sources = {v["title"]: v for v in schema["$defs"]["SourceUse"]["oneOf"]}
    assert {"video", "folder"} <= set(sources)
    folder = sources["folder"]
    assert folder["additionalProperties"] is False
    assert set(folder["properties"]) == {"kind", "path", "fps", "started_at", "realtime"}
    assert set(folder["required"]) == {"kind", "path"}
    trackers = {v["title"]: v for v in schema["$defs"]["TrackerUse"]["oneOf"]}
    assert "kind" not in trackers["bytetrack"]["required"]
    references = _references(schema)
    assert {r.removeprefix("#/$defs/") for r in references} <= set(schema["$defs"])


def test_plugins_are_listed_with_what_they_are_for(shop):
    first = shop.streams.plugins(limit=3)
    rest = shop.streams.plugins(cursor=first.next)
    found = {(p.kind, p.name): p for p in first.items + rest.items}
    assert ("source", "video") in found
    assert ("sink", "events") in found
    assert all(p.summary for p in found.values())
    assert len(found) == len(first.items) + len(rest.items)


def _references(schema):
    if isinstance(schema, dict):
        own = [schema["$ref"]] if "$ref" in schema else []
        return own + [r for v in schema.values() for r in _references(v)]
    if isinstance(schema, list):
        return [r for v in schema for r in _references(v)]
    return []
