"""Loading what is deployed when the server starts."""

import threading
import time
from types import SimpleNamespace

import pytest

from viseon.deployments.warming import Warmer
from viseon.schema import Busy, Failed, NotFound, Page


class Deployments:
    """As many as told; `broken` fail."""

    def __init__(self, names, broken=None):
        self.names, self.broken, self.warmed = names, dict(broken or {}), []
        self.server = SimpleNamespace(full=False)
        self.gone = set()

    def find(self, *, cursor, limit):
        left = [n for n in self.names if n > cursor]
        items = tuple(SimpleNamespace(name=n) for n in left[:1])
        return Page.model_construct(items=items, next=left[0] if len(left) > 1 else None)

    def get(self, name):
        if name in self.gone:
            raise NotFound("no such deployment")

    def warm(self, name, patience_s):
        if name in self.broken:
            raise self.broken[name]
        self.warmed.append(name)


@pytest.fixture
def run():
    """Runs a warmer in a thread until the test is over."""
    stop, threads = threading.Event(), []

    def start(services, **options):
        warmer = Warmer(services, **options)
        threads.append(threading.Thread(target=warmer.run, args=(stop,)))
        threads[-1].start()
        return warmer

    yield start
    stop.set()
    for thread in threads:
        thread.join(5)


def until(condition):
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def test_every_deployment_of_every_workspace_is_loaded(run):
    one, two = Deployments(["a", "b", "c"]), Deployments(["a"])
    warmer = run(lambda: {"default": one, "north": two})
    until(lambda: not warmer.missing)
    assert (one.warmed, two.warmed, warmer.failed) == (["a", "b", "c"], ["a"], {})


@pytest.mark.parametrize(
    "error",
    [Failed("broken"), Busy("is being loaded"), RuntimeError("bug"), NotFound("no blob 12ab")],
)
def test_one_that_cannot_be_loaded_keeps_nobody_waiting_and_is_tried_again(run, error):
    service = Deployments(["a", "b", "c"], {"b": error})
    warmer = run(lambda: {"north": service}, again_s=0.01)
    until(lambda: not warmer.missing)
    assert service.warmed == ["a", "c"]
    assert set(warmer.failed) == {"north/b"}
    assert "bug" in warmer.failed["north/b"] or str(error) in warmer.failed["north/b"]
    service.broken.clear()
    until(lambda: not warmer.failed)
    assert service.warmed == ["a", "c", "b"]


def test_one_that_is_removed_is_forgotten(run):
    service = Deployments(["a", "b"], {"a": Failed("x"), "b": NotFound("gone meanwhile")})
    service.gone = {"b"}
    warmer = run(lambda: {"default": service}, again_s=0.01)
    until(lambda: not warmer.missing)
    assert set(warmer.failed) == {"a"}
    service.names = []
    until(lambda: not warmer.failed)


def test_when_memory_is_full_the_rest_loads_when_it_is_asked(run):
    service = Deployments(["a", "b"])
    service.server.full = True
    warmer = run(lambda: {"default": service})
    until(lambda: not warmer.missing)
    assert service.warmed == []


def test_until_the_store_answers_nothing_is_ready(run):
    service, ill = Deployments(["a"]), [True]

    def services():
        if ill[0]:
            raise Busy("the database does not answer")
        return {"default": service}

    warmer = run(services, again_s=0.01)
    assert "not been looked up" in warmer.missing
    time.sleep(0.05)
    assert warmer.missing
    ill[0] = False
    until(lambda: not warmer.missing)
    assert service.warmed == ["a"]


def test_while_it_loads_it_says_how_far_it_is(run):
    go = threading.Event()
    service = Deployments(["a", "b"])
    service.warm = lambda *_: go.wait(5)
    warmer = run(lambda: {"default": service})
    until(lambda: warmer.missing == "0 of 2 deployments are loaded")
    go.set()
    until(lambda: not warmer.missing)
