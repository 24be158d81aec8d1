"""What the event log promises, on each database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from viseon.adapters.sql import open_store
from viseon.schema import Event, Invalid, NotFound, Principal, Role, Scope

SCOPE = Scope(principal=Principal(name="ada", role=Role.ADMIN))
START = datetime(2030, 1, 1, tzinfo=UTC)


def event(number, *, stream="gate", kind="crossed", minutes=None, **more):
    at = START + timedelta(minutes=number if minutes is None else minutes)
    given = {"where": "door", "direction": "in", "class_name": "person", "track_id": 1} | more
    return Event(
        id=f"{stream}-{number:04d}", stream=stream, config="0" * 64, kind=kind, at=at, score=0.9,
        frame_index=number, time_s=60.0 * number, x=0.5, y=0.5, model="1" * 64, **given,
    )  # fmt: skip


@pytest.fixture
def log(store):
    return store.events(SCOPE)


def test_an_event_that_is_there_is_not_added_again(log):
    assert log.append([event(1), event(2)]) == 2
    assert log.append([event(2), event(3), event(3)]) == 1
    assert log.append([]) == 0
    assert log.get("gate-0003") == event(3)
    with pytest.raises(NotFound):
        log.get("gate-0004")


def test_the_newest_come_first_and_pages_join_up(log):
    events = [event(n, minutes=n // 3) for n in range(10)]
    log.append(events)
    seen, cursor = [], ""
    while cursor is not None:
        page = log.query(cursor=cursor, limit=3)
        seen += page.items
        cursor = page.next
    assert seen == sorted(events, key=lambda e: (e.at, e.id), reverse=True)
    with pytest.raises(Invalid, match="cursor"):
        log.query(cursor="what")


def test_filters(log):
    log.append([event(1), event(2, stream="yard"), event(3, kind="left", direction=None)])
    assert [e.id for e in log.query(stream="yard").items] == ["yard-0002"]
    assert [e.id for e in log.query(kind="left").items] == ["gate-0003"]
    window = log.query(since=START + timedelta(minutes=2), until=START + timedelta(minutes=3))
    assert [e.id for e in window.items] == ["yard-0002"]


def test_a_tail_follows_what_arrives_in_the_order_it_arrives(log):
    log.append([event(5)])
    nothing, position = log.tail()
    assert nothing == []
    log.append([event(9), event(1), event(5)])
    found, position = log.tail(after=position, limit=1)
    assert found == [event(9)]
    found, position = log.tail(after=position)
    assert found == [event(1)]
    assert log.tail(after=position) == ([], position)


def test_workspaces_are_walls(store):
    store.events(SCOPE).append([event(1)])
    other = store.events(SCOPE.model_copy(update={"workspace": "other"}))
    assert other.query().items == ()
    assert other.append([event(1)]) == 1


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5000),
            st.sampled_from(["crossed", "left"]),
            st.sampled_from(["in", "out", None]),
            st.floats(0, 100),
        ),
        max_size=30,
    )
)
def test_rollups_equal_counting_by_hand(made):
    store = open_store("sqlite://")
    log = store.events(SCOPE)
    events = [
        event(n, minutes=m, kind=k, direction=d, dwell_s=s) for n, (m, k, d, s) in enumerate(made)
    ]
    log.append(events)
    for by, length in (("hour", timedelta(hours=1)), ("day", timedelta(days=1))):
        for rollup in log.rollup(by=by):
            mine = [
                e for e in events
                if e.kind == rollup.kind and (e.direction or "") == rollup.direction
                and rollup.start <= e.at < rollup.start + length
            ]  # fmt: skip
            assert rollup.count == len(mine)
            assert rollup.dwell_s == pytest.approx(sum(e.dwell_s for e in mine))
        assert sum(r.count for r in log.rollup(by=by)) == len(events)
    store.close()


def test_rollups_are_equal_on_every_database(log):
    log.append([event(n, minutes=37 * n, dwell_s=1.5) for n in range(100)])
    hours = log.rollup(stream="gate")
    assert hours[0].start == START
    assert sum(r.count for r in hours) == 100
    assert sum(r.dwell_s for r in log.rollup(by="day")) == 150.0
    assert log.rollup(stream="yard") == []
