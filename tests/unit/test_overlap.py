"""How much is done at a time."""

import os

from viseon.overlap import cores


def test_where_the_system_does_not_say_what_may_be_used_all_processors_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cores() == (os.cpu_count() or 1)


def test_a_process_that_may_use_one_processor_counts_one(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert cores() == 1
