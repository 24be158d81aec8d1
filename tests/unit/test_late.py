"""Services and the long-lived parts of a house are made when they are first used, and once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from viseon.platform import SERVICES, Platform


def test_a_service_is_made_when_it_is_used_and_then_kept():
    made = []

    def make(noun):
        made.append(noun)
        return object()

    platform = Platform(None, make)
    assert made == []
    assert platform.jobs is platform.jobs
    assert made == ["jobs"]
    assert set(SERVICES) <= set(dir(platform))


def test_a_noun_that_is_none_is_said():
    with pytest.raises(AttributeError, match="no 'dataset'; it has datasets, views"):
        _ = Platform(None, lambda noun: noun).dataset


def test_a_platform_is_a_value():
    platform = Platform(None, lambda noun: noun)
    for name in ("datasets", "blobs", "dataset"):
        with pytest.raises(AttributeError, match=f"{name!r} of a platform cannot be set"):
            setattr(platform, name, 3)
    assert platform.datasets == "datasets"
    assert repr(platform).startswith("<Platform: datasets, views")


def test_threads_make_a_service_once():
    made = []

    def make(noun):
        time.sleep(0.01)
        made.append(noun)
        return noun

    platform = Platform(None, make)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: platform.jobs, range(8)))
    assert made == ["jobs"]


def test_a_job_that_was_waited_for_can_be_waited_for_again(house):
    """Nobody touched `platform.jobs`."""
    done = house.platform().storage.collect(dry_run=True).wait()
    assert done.wait().state == done.state


@pytest.mark.parametrize("part", ["hub", "model_server"])
def test_who_asks_at_the_same_time_gets_the_same(house, part):
    together = threading.Barrier(8)

    def ask(_):
        together.wait(10)
        return getattr(house, part)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(ask, range(8))))) == 1
