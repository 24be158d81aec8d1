"""The door of a deployment: nobody enters who would come out late."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.deployments.gate import Gate
from viseon.schema import Busy


def test_one_more_than_can_be_answered_in_time_is_refused():
    clock = [0.0]
    gate = Gate(clock=lambda: clock[0])
    for _ in range(50):  # one answer every 100 ms
        gate.enter(clock[0] + 9)
        clock[0] += 0.1
        gate.leave(answered=True)
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
    gate.leave(answered=True)
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
            gate.leave(answered=True)
            inside -= 1
        assert gate.inside == inside
