"""Models in memory: loaded once, shared, counted, and the idle ones unloaded first."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from viseon.deployments.pool import Pool
from viseon.schema import Busy, Failed


class Engine:
    def __init__(self):
        self.drained = self.left = False

    def leave(self):
        self.left = True

    def drain(self):
        self.drained = True


class Memory:
    """Every model loaded adds 100 MB."""

    def __init__(self):
        self.used, self.made = 0.0, []

    def __call__(self):
        return self.used

    def load(self):
        self.used += 100
        self.made.append(Engine())
        return self.made[-1]


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def pool(memory):
    return Pool(budget_mb=250, resident_mb=memory)


def use(pool, memory, key):
    with pool.lease(key, memory.load) as engine:
        assert not engine.drained
    return engine


def test_a_model_is_loaded_once_however_many_ask_at_the_same_time(memory):
    pool, gate = Pool(resident_mb=memory), threading.Barrier(8)

    def slow():
        threading.Event().wait(0.05)
        return memory.load()

    def ask(_):
        gate.wait()
        with pool.lease("a", slow) as engine:
            return engine

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1
    assert len(memory.made) == 1


def test_the_one_unused_longest_goes_when_memory_is_short(pool, memory):
    first, second = use(pool, memory, "a"), use(pool, memory, "b")
    use(pool, memory, "a")
    third = use(pool, memory, "c")
    use(pool, memory, "d")  # 300 MB were loaded, 250 are allowed
    assert (first.drained, second.drained, third.drained) == (False, True, False)
    assert set(pool.loaded()) == {"a", "c", "d"}


def test_a_model_that_is_loaded_again_counts_as_much_as_it_ever_took(pool, memory):
    use(pool, memory, "a-1")
    pool.retire("a-1")

    def again():  # the allocator had kept the memory
        memory.made.append(Engine())
        return memory.made[-1]

    for key, known_mb in (("a-1", 100), ("a-2", 100), ("b", 30)):
        with pool.lease(key, again, least_mb=30):
            pass
        assert pool.loaded()[key][1] == known_mb
    assert pool.memory_mb == 230


def test_a_model_in_use_is_never_unloaded(pool, memory):
    with ExitStack() as stack:
        held = [stack.enter_context(pool.lease(key, memory.load)) for key in "abc"]
        with pytest.raises(Busy, match="models in use take 300 MB of 250 MB"):
            use(pool, memory, "d")
        assert [engine.drained for engine in held] == [False] * 3
    use(pool, memory, "d")
    assert held[0].drained


def test_retiring_waits_for_the_last_user_and_the_next_one_loads_anew(pool, memory):
    with pool.lease("a", memory.load) as old:
        pool.retire("a")
        assert not old.drained
        with pool.lease("a", memory.load) as new:
            assert new is not old
    assert old.drained
    assert not new.drained
    pool.close()
    assert new.drained


def test_what_another_owner_asks_is_kept_and_what_nobody_asks_goes(pool, memory):
    shared, alone = use(pool, memory, "shared"), use(pool, memory, "alone")
    pool.own("door", ("shared", "alone"))
    pool.own("north/door", ("shared",))
    pool.disown("door", ("shared", "alone"))
    assert (shared.drained, alone.drained) == (False, True)
    new = use(pool, memory, "new")
    pool.disown("north/door", ("shared",), keep=("new",))
    assert (shared.drained, new.drained) == (True, False)
    pool.disown("north/door", ("new",))
    assert new.drained


def test_leaving_reaches_also_what_is_retired_and_in_use(pool, memory):
    with pool.lease("a", memory.load) as old:
        pool.retire("a")
        with pool.lease("b", memory.load) as other:
            pool.leave()
            assert (old.left, other.left, old.drained) == (True, True, False)
    assert old.drained
    with pytest.raises(Busy, match="leaving"):
        use(pool, memory, "b")
    pool.close()
    assert other.drained


def test_leaving_refuses_those_who_wait_for_a_model_to_load(pool, memory):
    go, begun = threading.Event(), threading.Event()

    def slow():
        begun.set()
        go.wait(5)
        return memory.load()

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(use_broken, pool, slow)
        begun.wait(5)
        pool.leave()
        assert isinstance(waiting.exception(5), Busy)
    assert not memory.made
    go.set()
    while not memory.made or not memory.made[0].drained:
        threading.Event().wait(0.005)


def test_a_model_that_fails_to_load_leaves_no_trace(pool, memory):
    def broken():
        raise Failed("no")

    with pytest.raises(Failed):
        use_broken(pool, broken)
    assert pool.loaded() == {}
    assert not use(pool, memory, "a").drained


def use_broken(pool, load):
    with pool.lease("a", load):
        raise AssertionError("it was not loaded")


def test_who_has_no_patience_is_refused_and_the_model_is_loaded_all_the_same(pool, memory):
    go = threading.Event()

    def slow():
        go.wait(5)
        return memory.load()

    with pytest.raises(Busy, match="being loaded"), pool.lease("a", slow, patience_s=0.01):
        pass
    go.set()
    assert use(pool, memory, "a") is memory.made[0]
    assert len(memory.made) == 1


def test_a_model_that_is_retired_while_it_is_loaded_does_not_stay(pool, memory):
    go = threading.Event()

    def slow():
        go.wait(5)
        return memory.load()

    with pytest.raises(Busy), pool.lease("a", slow, patience_s=0.01):
        pass
    pool.retire("a")
    go.set()
    while not memory.made or not memory.made[0].drained:
        threading.Event().wait(0.005)
    assert pool.loaded() == {}
