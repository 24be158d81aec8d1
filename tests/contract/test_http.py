"""What HTTP adds: problems, the front door, idempotency keys, OpenAPI."""

import pytest

from viseon.app import House
from viseon.client import connect
from viseon.operation import operations
from viseon.platform import SERVICES
from viseon.rest import create_app
from viseon.schema import Role, Unauthorized
from viseon.settings import Settings


def test_every_operation_is_published_with_its_role(served):
    spec = served.get("/openapi.json").json()
    assert spec["openapi"].startswith("3.1")
    published = {
        what["operationId"]: what for verbs in spec["paths"].values() for what in verbs.values()
    }
    for noun, service in SERVICES.items():
        for op in operations(service):
            what = published[f"{noun}_{op.name}"]
            assert f"Needs the role `{op.needs.value}`" in what["description"]


def test_a_problem_has_a_code_a_message_and_a_fix(served):
    answer = served.get("/v1/jobs/nope")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == "not_found"
    assert "nope" in body["message"]
    assert {"type", "title", "status", "detail", "fix"} <= set(body)


@pytest.mark.parametrize(
    ("verb", "path", "sent", "status", "words"),
    [
        ("GET", "/nowhere", None, 404, "Not Found"),
        ("PATCH", "/v1/jobs", None, 405, "Method Not Allowed"),
        ("GET", "/v1/jobs?limti=3", None, 422, "limti: Extra inputs are not permitted"),
        ("POST", "/v1/access/workspaces", {"name": "a", "nmae": "b"}, 422, "nmae: Extra inputs"),
        ("POST", "/v1/access/workspaces", {}, 422, "name: Field required"),
        ("POST", "/v1/access/workspaces", [1], 422, "valid dictionary"),
        ("GET", "/v1/blobs/xyz", None, 422, "digest: String should match pattern"),
        ("GET", f"/v1/blobs/{'0' * 64}", None, 404, "0000"),
    ],
)
def test_bad_requests_are_problems_too(served, verb, path, sent, status, words):
    answer = served.request(verb, path, json=sent)
    assert answer.status_code == status
    assert words in answer.json()["message"]


def test_a_body_that_is_not_json_is_refused(served):
    answer = served.post(
        "/v1/access/workspaces", content=b"{", headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"


def test_pages_of_other_sites_may_not_use_an_open_server(house):
    from fastapi.testclient import TestClient

    app = create_app(house, hosts=frozenset({"127.0.0.1"}))
    with TestClient(app, base_url="http://127.0.0.1") as http:
        assert http.get("/v1/jobs").status_code == 200
        assert http.get("/v1/jobs", headers={"Host": "evil.example"}).status_code == 403
        assert http.get("/v1/jobs", headers={"Origin": "http://evil.example"}).status_code == 403
        assert http.get("/v1/jobs", headers={"Origin": "http://127.0.0.1"}).status_code == 200


def test_without_a_token_nothing_opens_when_tokens_are_wanted(tmp_path):
    from fastapi.testclient import TestClient

    house = House(Settings(home=tmp_path, auth="token", jobs="inline"))
    with TestClient(create_app(house)) as http:
        with pytest.raises(Unauthorized):
            connect("http://testserver", http=http).jobs.find()
        assert http.get("/healthz").status_code == 200
        spec = http.get("/openapi.json").json()
        for path, verbs in spec["paths"].items():
            for verb in verbs:
                if path.startswith("/v1"):
                    assert http.request(verb, path).status_code == 401, (verb, path)
    house.close()


def test_the_same_idempotency_key_acts_once(served):
    key = {"Idempotency-Key": "k1"}
    first = served.post("/v1/access/workspaces", json={"name": "north"}, headers=key)
    again = served.post("/v1/access/workspaces", json={"name": "north"}, headers=key)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()


def test_a_secret_answer_is_not_repeated(served):
    key = {"Idempotency-Key": "k1"}
    sent = {"name": "a", "role": "viewer"}
    assert served.post("/v1/access/tokens", json=sent, headers=key).status_code == 200
    again = served.post("/v1/access/tokens", json=sent, headers=key)
    assert again.status_code == 409
    assert len(served.get("/v1/access/tokens").json()["items"]) == 1


def test_an_idempotency_key_belongs_to_one_request(served):
    key = {"Idempotency-Key": "k1"}
    served.post("/v1/access/tokens", json={"name": "a", "role": "viewer"}, headers=key)
    other = served.post("/v1/access/tokens", json={"name": "b", "role": "viewer"}, headers=key)
    assert other.status_code == 409
    assert "idempotency key" in other.json()["message"]


def test_a_failed_request_may_be_retried_under_its_key(served):
    key = {"Idempotency-Key": "k1"}
    sent = {"name": "t", "role": "viewer", "workspace": "north"}
    assert served.post("/v1/access/tokens", json=sent, headers=key).status_code == 404
    served.post("/v1/access/workspaces", json={"name": "north"})
    assert served.post("/v1/access/tokens", json=sent, headers=key).status_code == 200


def test_a_server_that_does_not_answer_is_named():
    from viseon.schema import Unavailable

    with pytest.raises(Unavailable, match="127.0.0.1:9"):
        connect("http://127.0.0.1:9").jobs.find()


def test_the_role_reaches_hand_written_routes(local, served):
    token = local.access.create_token(name="v", role=Role.VIEWER)
    served.headers["Authorization"] = f"Bearer {token.secret}"
    assert served.post("/v1/blobs", content=b"x").status_code == 403
