"""The batching policy as laws, and the thread that follows it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.deployments.batching import Batcher, Plan, Policy, Waiting, plan
from viseon.schema import Busy, Failed

times = st.floats(0, 10, allow_nan=False)
queues = st.lists(st.tuples(times, st.floats(0, 5)), max_size=40).map(
    lambda pairs: [Waiting(a, a + d) for a, d in sorted(pairs)]
)
policies = st.builds(Policy, st.integers(1, 64), st.floats(0, 1), st.integers(1, 100))


@settings(deadline=None, max_examples=300)
@given(queues, times, policies, st.floats(0, 1), st.booleans())
def test_a_plan_keeps_its_promises(queue, now, policy, run_s, hurry):
    step = plan(queue, now, policy, run_s=run_s, hurry=hurry)
    left = [item for i, item in enumerate(queue) if i not in step.expire]
    assert all(now + run_s > queue[i].deadline for i in step.expire)
    assert all(now + run_s <= item.deadline for item in left)
    assert step.take <= min(policy.max_batch, len(left))
    if len(left) >= policy.max_batch or (left and hurry):
        assert step.take == min(policy.max_batch, len(left))
    if left and not step.take:
        # It waits, but never past the first item's patience, nor past anybody's last chance.
        assert now <= step.until <= left[0].arrived + policy.max_wait_s + 1e-9
        assert step.until <= max(min(i.deadline for i in left) - run_s, now) + 1e-9
    if not left:
        assert step == Plan(step.expire, 0)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.floats(0, 0.05), st.floats(0.02, 0.5)), min_size=1, max_size=60),
    st.integers(1, 16), st.floats(0, 0.02), st.floats(0.001, 0.03),
)  # fmt: skip
def test_simulated_everybody_is_run_once_or_expires_and_nobody_runs_late(gaps, most, wait_s, run_s):
    """A whole run of the policy against a simulated clock."""
    policy = Policy(most, wait_s)
    arrivals, at = [], 0.0
    for gap, patience in gaps:
        at += gap
        arrivals.append(Waiting(at, at + patience))
    queue, now, served, expired, todo = [], 0.0, [], [], list(arrivals)
    while todo or queue:
        queue += [w for w in todo if w.arrived <= now]
        todo = [w for w in todo if w.arrived > now]
        step = plan(queue, now, policy, run_s=run_s)
        expired += [queue[i] for i in step.expire]
        queue = [w for i, w in enumerate(queue) if i not in step.expire]
        if step.take:
            batch, queue = queue[: step.take], queue[step.take :]
            now += run_s
            assert all(now <= w.deadline + 1e-9 for w in batch)
            served += batch
        else:
            ahead = [w.arrived for w in todo] + ([step.until] if step.until is not None else [])
            if ahead:
                now = max(min(ahead), now + 1e-12)
    assert sorted(map(id, served + expired)) == sorted(map(id, arrivals))


def soon(seconds=5.0):
    return time.monotonic() + seconds


def test_items_that_come_together_run_together():
    gate, sizes = threading.Event(), []

    def run(items):
        sizes.append(len(items))
        gate.wait(5)
        return [item * 2 for item in items]

    batcher = Batcher(run, Policy(max_batch=4, max_wait_s=0.0))
    first = batcher.submit([1], deadline=soon())
    while not sizes:
        time.sleep(0.001)
    later = batcher.submit([2, 3, 4, 5, 6], deadline=soon())
    gate.set()
    results = [f.result(5) for f in first + later]
    assert [r.result for r in results] == [2, 4, 6, 8, 10, 12]
    assert sizes == [1, 4, 1]
    assert [r.batch for r in results] == [1, 4, 4, 4, 4, 1]
    batcher.drain()


def test_a_lone_item_waits_no_longer_than_it_was_told():
    batcher = Batcher(lambda items: items, Policy(max_batch=8, max_wait_s=0.05))
    (future,) = batcher.submit([1], deadline=soon())
    assert 0.04 <= future.result(5).queue_s < 0.5
    batcher.drain()


def test_a_full_queue_refuses_at_once_with_a_reason():
    gate = threading.Event()
    started = threading.Event()

    def run(items):
        started.set()
        gate.wait(5)
        return items

    batcher = Batcher(run, Policy(max_batch=1, max_wait_s=0, capacity=3))
    accepted = batcher.submit([0], deadline=soon())
    started.wait(5)
    accepted += batcher.submit([1, 2], deadline=soon())
    with pytest.raises(Busy, match="2 pictures wait already and 3 may"):
        batcher.submit([3, 4], deadline=soon())
    gate.set()
    assert [f.result(5).result for f in accepted] == [0, 1, 2]
    batcher.drain()


def test_what_cannot_be_in_time_is_refused_from_experience():
    clock, gate, started = [0.0], threading.Event(), threading.Event()

    def run(items):
        if items == ["blocked"]:
            started.set()
            gate.wait(5)
        clock[0] += 0.5
        return items

    batcher = Batcher(run, Policy(max_batch=1, max_wait_s=0), clock=lambda: clock[0])
    batcher.submit([1], deadline=10.0)[0].result(5)
    blocked = batcher.submit(["blocked"], deadline=10.0)
    started.wait(5)
    with pytest.raises(Busy, match="would take about 1000 ms, the deadline is in 800 ms") as error:
        batcher.submit([2], deadline=clock[0] + 0.8)
    assert error.value.after_s == 0.5  # what runs now
    later = batcher.submit([2], deadline=clock[0] + 1.2)
    gate.set()
    assert [f.result(5).result for f in blocked + later] == ["blocked", 2]
    batcher.drain()


def test_an_estimate_that_is_out_of_date_does_not_refuse_for_ever():
    """One slow run (another program had the cores) must not close a model that is fast again."""
    clock, slow = [0.0], [True]

    def run(items):
        clock[0] += 5.0 if slow[0] else 0.01
        return items

    batcher = Batcher(run, Policy(max_batch=1, max_wait_s=0), clock=lambda: clock[0])
    batcher.submit([0], deadline=100.0)[0].result(5)
    slow[0] = False
    for attempt in range(40):
        (future,) = batcher.submit([attempt], deadline=clock[0] + 0.1)
        if future.exception(5) is None:
            break
    assert future.result(0).result < 39
    assert batcher.submit([1], deadline=clock[0] + 0.1)[0].result(5).result == 1
    batcher.drain()


def test_an_item_whose_deadline_passes_while_it_waits_is_told_so():
    gate, started = threading.Event(), threading.Event()

    def run(items):
        started.set()
        gate.wait(5)
        return items

    batcher = Batcher(run, Policy(max_batch=1, max_wait_s=0))
    first = batcher.submit([1], deadline=soon())
    started.wait(5)
    late = batcher.submit([2], deadline=soon(0.05))
    time.sleep(0.1)
    gate.set()
    assert first[0].result(5).result == 1
    with pytest.raises(Busy, match="did not come before the deadline"):
        late[0].result(5)
    batcher.drain()


def test_a_failing_run_fails_its_own_batch_and_no_other():
    def run(items):
        if 13 in items:
            raise ZeroDivisionError("thirteen")
        return items

    batcher = Batcher(run, Policy(max_batch=1, max_wait_s=0))
    futures = batcher.submit([12, 13, 14], deadline=soon())
    assert futures[0].result(5).result == 12
    with pytest.raises(ZeroDivisionError):
        futures[1].result(5)
    assert futures[2].result(5).result == 14
    batcher.drain()


def test_draining_finishes_what_was_accepted_and_takes_nothing_more():
    batcher = Batcher(lambda items: items, Policy(max_batch=4, max_wait_s=0.5))
    futures = batcher.submit(list(range(10)), deadline=soon())
    batcher.drain()
    assert [f.result(0).result for f in futures] == list(range(10))
    with pytest.raises(Busy, match="unloaded"):
        batcher.submit([1], deadline=soon())


@pytest.fixture
def busy():
    """A batcher in a run that lasts until told, and what waits behind it."""
    gate, started = threading.Event(), threading.Event()

    def run(items):
        started.set()
        gate.wait(5)
        return items

    batcher = Batcher(run, Policy(max_batch=1, max_wait_s=0))
    running = batcher.submit([0], deadline=soon(60))
    started.wait(5)
    yield batcher, running[0], batcher.submit([1, 2, 3], deadline=soon(60)), gate
    gate.set()
    batcher.drain()


def test_leaving_refuses_what_waits_at_once_and_finishes_what_runs(busy):
    batcher, running, waiting, gate = busy
    batcher.leave()
    for future in waiting:
        with pytest.raises(Busy, match="the server is leaving") as error:
            future.result(0)
        assert (error.value.fix, error.value.retry_s) == ("send the request again", 1)
    with pytest.raises(Busy, match="the server is leaving"):
        batcher.submit([4], deadline=soon())
    assert not running.done()
    gate.set()
    assert running.result(5).result == 0
    batcher.drain(timeout_s=5)
    assert not any(thread.is_alive() for thread in batcher._threads)


def test_leaving_while_it_is_drained_refuses_what_waits(busy):
    batcher, running, waiting, gate = busy
    batcher.drain(timeout_s=0.01)
    batcher.leave()
    assert all(isinstance(future.exception(0), Busy) for future in waiting)
    gate.set()
    assert running.result(5).result == 0


def test_when_the_interpreter_ends_nobody_waits_for_ever(monkeypatch):
    class Ended(ThreadPoolExecutor):
        def submit(self, *_):
            raise RuntimeError("cannot schedule new futures after shutdown")

    monkeypatch.setattr("viseon.deployments.batching.ThreadPoolExecutor", Ended)
    batcher = Batcher(lambda items: items, Policy(max_batch=2, max_wait_s=0.05))
    for future in batcher.submit([1, 2, 3], deadline=soon()):
        with pytest.raises(Busy, match="leaving"):
            future.result(5)


def test_a_run_that_forgets_an_item_fails_all_of_its_batch():
    batcher = Batcher(lambda items: items[1:], Policy(max_batch=2, max_wait_s=0.5))
    for future in batcher.submit([1, 2], deadline=soon()):
        with pytest.raises(Failed, match="1 answers to 2"):
            future.result(5)
    batcher.drain()


def test_many_threads_get_their_own_answers():
    batcher = Batcher(lambda items: [i * i for i in items], Policy(max_batch=16, max_wait_s=0.001))

    def ask(number):
        return batcher.submit([number], deadline=soon())[0].result(5).result

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(500))) == [n * n for n in range(500)]
    batcher.drain()


def test_ten_times_too_much_is_served_in_time_or_refused_at_once():
    """Capacity is about 400 a second; 120 threads ask as fast as they can for a second."""

    def run(items):
        time.sleep(0.01)
        return items

    policy = Policy(max_batch=4, max_wait_s=0.001, capacity=64)
    batcher = Batcher(run, policy)
    served, refused, most, until = [], [], [0], time.monotonic() + 1.0

    def ask():
        while time.monotonic() < until:
            asked = time.monotonic()
            try:
                batcher.submit([1], deadline=asked + 0.1)[0].result(5)
            except Busy as error:
                refused.append((time.monotonic() - asked, error.message))
                time.sleep(0.002)
            else:
                served.append(time.monotonic() - asked)
            most[0] = max(most[0], batcher.waiting)

    threads = [threading.Thread(target=ask) for _ in range(120)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batcher.drain()
    assert len(served) > 50
    assert len(refused) > 50
    assert most[0] <= policy.capacity
    assert np.percentile(served, 95) < 0.15  # the deadline, and what a busy machine adds
    assert all("deadline" in reason or "wait already" in reason for _, reason in refused)


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_as_many_runs_at_the_same_time_as_told_and_no_more(runs):
    lock, now, most = threading.Lock(), [0], [0]
    enough = threading.Event()

    def run(items):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            if now[0] == runs:
                enough.set()
        enough.wait(5)
        with lock:
            now[0] -= 1
        return items

    batcher = Batcher(run, Policy(max_batch=1), runs=runs)
    futures = [batcher.submit([i], deadline=soon())[0] for i in range(20)]
    assert [f.result(5).result for f in futures] == list(range(20))
    batcher.drain()
    assert most[0] == runs


def test_two_runs_at_once_halve_the_expected_wait():
    go, started = threading.Event(), threading.Semaphore(0)

    def run(items):
        started.release()
        go.wait(5)
        return items

    clock = [0.0]
    batcher = Batcher(run, Policy(max_batch=1), runs=2, clock=lambda: clock[0])
    batcher._run_s = 1.0
    for _ in range(2):
        batcher.submit([1], deadline=99)
    for _ in range(2):
        started.acquire(timeout=5)
    clock[0] = 0.25
    assert batcher.expected_wait_s() == pytest.approx(1.75)
    assert batcher.expected_wait_s(2) == pytest.approx(1.75)
    assert batcher.expected_wait_s(3) == pytest.approx(2.75)
    with pytest.raises(Busy, match="1750 ms, the deadline is in 1000"):
        batcher.submit([1], deadline=1.25)
    go.set()
    batcher.drain()
