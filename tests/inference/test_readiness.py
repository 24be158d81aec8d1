"""`/healthz` and `/readyz`: whether it lives, and whether it should be asked."""

import threading

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from viseon.deployments import Warmer
from viseon.rest import create_app
from viseon.schema import Conflict, Unavailable


@pytest.fixture
def warmer(house):
    return Warmer(lambda: {"default": house.platform().deployments}, again_s=0.01)


@pytest.fixture
def http(house, warmer):
    with TestClient(create_app(house, warmer=warmer)) as http:
        yield http


@pytest.fixture
def run(warmer):
    """Lets the warmer begin."""
    stop = threading.Event()
    thread = threading.Thread(target=warmer.run, args=(stop,))
    yield thread.start
    stop.set()
    if thread.ident:
        thread.join()


def ready(http):
    answer = http.get("/readyz")
    body = answer.json()
    assert (answer.status_code == 200) == (body["status"] == "ready")
    assert http.get("/healthz").status_code == 200  # it lives, whatever it waits for
    assert http.get("/v2/health/live").status_code == 200
    spoken = http.get("/v2/health/ready")
    if http.get("/readyz").status_code == answer.status_code:  # nothing changed in between
        assert spoken.status_code == answer.status_code
    return body


def wait(http):
    for _ in range(500):
        if (body := ready(http))["status"] == "ready":
            return body
        threading.Event().wait(0.01)
    raise AssertionError(body)


def deploy(platform, box_model, name="door"):
    platform.models.add(name="bright", onnx=platform.blobs.add(box_model), classes=("bar",))
    return platform.deployments.create(name=name, models=("bright",))


def test_it_is_ready_when_what_is_deployed_is_loaded(http, run, house, local, box_model):
    deploy(local, box_model)
    house.model_server.close()  # as after a restart
    body = ready(http)
    assert body["status"] == "starting"
    assert "deployments" in body["reason"]
    assert local.deployments.stats("door").memory_mb == 0
    run()
    assert wait(http)["failed"] == 0
    assert local.deployments.stats("door").memory_mb > 0


def test_a_deployment_that_cannot_be_loaded_is_counted_and_nobody_waits(
    http, run, warmer, house, local, box_model, monkeypatch
):
    deploy(local, box_model)
    deploy(local, box_model, "gate")
    house.model_server.close()
    load = house.model_server._load

    def broken(*_):
        raise Unavailable("no GPU here")

    monkeypatch.setattr(house.model_server, "_load", broken)
    run()
    body = wait(http)
    assert body["failed"] == 2
    assert "could not be loaded" in body["reason"]
    assert http.get("/v2/models/door/ready").status_code == 503
    assert "no GPU here" in warmer.failed["door"]
    assert "no GPU" not in str(body)  # anybody may read this
    monkeypatch.setattr(house.model_server, "_load", load)
    while ready(http)["failed"]:
        threading.Event().wait(0.01)
    assert http.get("/v2/models/door/ready").json() == {"name": "door", "ready": True}


def test_a_deployment_whose_file_is_missing_is_counted(http, run, warmer, house, local, box_model):
    made = deploy(local, box_model)
    house.model_server.close()
    local.blobs.delete(local.models.get(made.models[0]).onnx)
    run()
    assert wait(http)["failed"] == 1
    assert http.get("/v2/models/door/ready").status_code == 503
    assert "door" in warmer.failed


def test_it_is_not_ready_while_the_store_does_not_answer(house, monkeypatch):
    with TestClient(create_app(house)) as http:
        assert ready(http)["status"] == "ready"

        def silent():
            raise Unavailable("the database does not answer")

        monkeypatch.setattr(house.store, "check", silent)
        body = ready(http)
        assert (body["status"], body["reason"]) == ("unavailable", "the database does not answer")


def test_it_is_not_ready_when_it_is_leaving(house):
    app = create_app(house)
    with TestClient(app) as http:
        app.state.leaving.set()
        assert ready(http)["status"] == "leaving"


def test_a_store_of_another_release_or_none_is_not_checked_in_silence(store):
    store.check()
    with store._engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(Conflict, match="schema 9999"):
        store.check()
    with store._engine.begin() as connection:
        connection.execute(text("drop table alembic_version"))
    with pytest.raises(Unavailable, match="no tables"):
        store.check()


def test_probes_need_no_token(tmp_path):
    from viseon.app import House  # noqa: PLC0415
    from viseon.settings import Settings

    house = House(Settings(home=tmp_path, auth="token", jobs="inline"))
    with TestClient(create_app(house)) as http:
        for path in ("/v2/health/live", "/v2/health/ready", "/healthz", "/readyz"):
            assert http.get(path).status_code == 200
        assert http.get("/v2/models/door").status_code == 401
    house.close()
