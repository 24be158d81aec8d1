"""The door of a deployment: nobody enters who would come out late."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.deployments.gate import Gate, Ticket
from viseon.deployments.room import Room
from viseon.rest.problems import problem
from viseon.schema import Busy


def test_one_more_than_can_be_answered_in_time_is_refused():
    clock = [0.0]
    gate = Gate(clock=lambda: clock[0])
    for _ in range(50):  # one answer every 100 ms
        gate.enter(clock[0] + 9)
        clock[0] += 0.1
        gate.leave("answered")
    for _ in range(10):
        gate.enter(clock[0] + 1.001)
    with pytest.raises(Busy, match="10 requests are being answered") as error:
        gate.enter(clock[0] + 1.001)
    assert "1100 ms and has 1001 ms" in error.value.message


def test_an_empty_room_lets_everybody_in():
    clock = [0.0]
    gate = Gate(clock=lambda: clock[0])
    gate.enter(1)
    clock[0] = 1000.0
    gate.leave("answered")
    gate.enter(clock[0] + 0.001)
    assert gate.inside == 1


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60))
def test_it_never_forgets_who_is_inside(steps):
    clock, inside = [0.0], 0
    gate = Gate(clock=lambda: clock[0])
    for comes, gap in steps:
        clock[0] += gap
        if comes:
            try:
                gate.enter(clock[0] + 2)
            except Busy:
                assert inside > 0
                assert gate.expected_s() > 2 - 1e-9
            else:
                inside += 1
        elif inside:
            gate.leave("answered")
            inside -= 1
        assert gate.inside == inside


def test_a_gate_that_let_somebody_in_who_came_out_late_grows_warier_and_calms_down_again():
    clock = [0.0]
    gate = Gate(clock=lambda: clock[0])
    for _ in range(50):
        gate.enter(clock[0] + 9)
        clock[0] += 0.1
        gate.leave("answered")
    gate.enter(9)
    usual = gate.expected_s()
    for _ in range(5):
        gate.enter(clock[0] + 99)
        gate.leave("late")
    assert gate.expected_s() > 1.5 * usual
    for _ in range(200):
        gate.enter(clock[0] + 99)
        clock[0] += 0.1
        gate.leave("answered")
    assert gate.expected_s() == pytest.approx(usual, rel=0.05)


def test_however_patient_they_are_only_so_many_are_let_in():
    gate = Gate(clock=lambda: 0.0, most=3)
    for _ in range(3):
        gate.enter(1e9)
    with pytest.raises(Busy, match="3 requests are being answered and 3 may"):
        gate.enter(1e9)
    gate.leave("failed")
    gate.enter(1e9)


def test_who_came_too_late_does_not_enter_even_an_empty_room():
    with pytest.raises(Busy):
        Gate(clock=lambda: 5.0).enter(4.9)


def test_a_ticket_counts_from_when_it_was_drawn():
    ticket = Ticket(10.0, 300)
    assert ticket.until(2000) == 10.3
    ticket.check(10.3)
    with pytest.raises(Busy, match="400 ms have passed"):
        ticket.check(10.4)
    assert Ticket(10.0).until(2000) == 12.0


def test_room_is_shared_refused_when_taken_and_given_back():
    room = Room(100)
    with room.holding(60), pytest.raises(Busy, match="other requests"):
        room.take(50)
    with room.holding(1000):  # alone, it may be larger than the room
        room.take(5, mine=1000)
        room.give(5)
    assert room.taken_bytes == 0


@pytest.mark.parametrize("slow", [0, 30])
def test_one_answer_that_hung_turns_nobody_away(slow):
    clock = [0.0]
    gate = Gate(clock=lambda: clock[0])
    for number in range(40):
        gate.enter(clock[0] + 9)
        clock[0] += 0.8 if number == slow else 0.02
        gate.leave("answered")
        for _ in range(7):
            gate.enter(clock[0] + 2)
        for _ in range(7):
            gate.leave("failed")


def test_an_engine_that_became_ten_times_slower_is_noticed_soon():
    clock = [0.0]
    gate = Gate(clock=lambda: clock[0])
    for number in range(100):
        gate.enter(clock[0] + 99)
        clock[0] += 0.02 if number < 60 else 0.2
        gate.leave("answered")
    gate.enter(clock[0] + 99)
    assert gate.expected_s() == pytest.approx(0.4, rel=0.2)


def test_a_refusal_says_when_those_inside_should_have_left():
    clock = [0.0]
    gate = Gate(clock=lambda: clock[0], most=6)
    for _ in range(50):
        gate.enter(clock[0] + 99)
        clock[0] += 0.9
        gate.leave("answered")
    for _ in range(3):
        gate.enter(clock[0] + 99)
    with pytest.raises(Busy, match="one more would take") as late:
        gate.enter(clock[0] + 3)
    assert late.value.retry_s == 3  # 2.7 s, rounded up
    for _ in range(3):
        gate.enter(clock[0] + 99)
    with pytest.raises(Busy, match="6 may") as full:
        gate.enter(clock[0] + 99)
    assert full.value.retry_s == 6
    ticket = Ticket(clock[0] - 1, 500, gate=gate)
    ticket.until(500)
    with pytest.raises(Busy, match="deadline is over") as over:
        ticket.check(clock[0])
    assert over.value.retry_s == 6


@pytest.mark.parametrize(("after_s", "said"), [(0, 1), (0.2, 1), (1.01, 2), (59.5, 60), (1e9, 60)])
def test_a_refusal_asks_for_whole_seconds_and_at_most_a_minute(after_s, said):
    assert Busy("full", after_s=after_s).retry_s == said
    assert problem(Busy("full", after_s=after_s)).headers["retry-after"] == str(said)
