"""Services and the long-lived parts of a house are made when they are first used, and once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import pytest

from viseon.app import House
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


@pytest.mark.parametrize("part", ["hub", "model_server"])
def test_who_asks_at_the_same_time_gets_the_same(house, part):
    """As from Python 3.12 on, where `cached_property` has no lock."""
    make = vars(House)[part]
    assert isinstance(make, cached_property)
    together = threading.Barrier(8)

    def ask(_):
        together.wait(10)
        return make.func(house)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(ask, range(8))))) == 1
