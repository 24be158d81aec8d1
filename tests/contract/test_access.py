"""Workspaces, tokens, roles and the audit log, near and far."""

import pytest

from viseon.client import connect
from viseon.schema import Conflict, Forbidden, Invalid, NotFound, Role, Unauthorized


def as_(http, token, workspace=None):
    http.headers["Authorization"] = f"Bearer {token.secret}"
    return connect("http://testserver", http=http, workspace=workspace)


def test_a_token_stands_for_a_role_in_a_workspace(local, served):
    token = local.access.create_token(name="eve", role=Role.VIEWER)
    eve = as_(served, token)
    assert eve.jobs.find().items == ()
    with pytest.raises(Forbidden, match="needs the role 'admin'; 'eve' has 'viewer'"):
        eve.access.tokens()


def test_a_revoked_token_opens_nothing(local, served):
    token = local.access.create_token(name="eve", role=Role.ADMIN)
    local.access.revoke_token(token.token.id)
    with pytest.raises(Unauthorized):
        as_(served, token).jobs.find()


def test_a_secret_is_shown_once_and_never_stored(platform, house):
    made = platform.access.create_token(name="ci", role=Role.EDITOR)
    assert made.secret.startswith("vis_")
    shown = platform.access.tokens().model_dump_json()
    assert made.token.id in shown
    assert made.secret not in shown
    stored = b"".join(p.read_bytes() for p in house.settings.home.rglob("*.db*"))
    assert made.secret.encode() not in stored


def test_a_workspace_is_made_once(platform):
    platform.access.create_workspace(name="north")
    with pytest.raises(Conflict, match="'north' already exists"):
        platform.access.create_workspace(name="north")
    assert [w.name for w in platform.access.workspaces().items] == ["north"]


def test_a_token_for_a_workspace_that_does_not_exist_is_refused(platform):
    with pytest.raises(NotFound):
        platform.access.create_token(name="x", role=Role.VIEWER, workspace="nowhere")


def test_only_the_whole_installations_admin_enters_other_workspaces(local, served):
    local.access.create_workspace(name="north")
    north = local.access.create_token(name="n", role=Role.ADMIN, workspace="north")
    root = local.access.create_token(name="root", role=Role.ADMIN)
    assert as_(served, root, "north").access.tokens().items == (north.token,)
    with pytest.raises(Forbidden, match="may not enter workspace 'default'"):
        as_(served, north, "default").jobs.find()
    with pytest.raises(Forbidden, match="only an admin of the workspace 'default'"):
        as_(served, north).access.create_workspace(name="south")


def test_a_workspace_nobody_made_cannot_be_entered(local, served):
    root = local.access.create_token(name="root", role=Role.ADMIN)
    for name in ("south", "viseon-registry"):
        with pytest.raises(NotFound, match=name):
            as_(served, root, name).jobs.find()


def test_wrong_arguments_are_invalid_the_same_way_near_and_far(platform):
    with pytest.raises(Invalid, match=r"^name: String should match pattern"):
        platform.access.create_workspace(name="North Wing")
    with pytest.raises(Invalid, match=r"^limit: Input should be less than or equal to 1000"):
        platform.access.tokens(limit=5000)
    with pytest.raises(TypeError):
        platform.access.create_workspace(nmae="x")


def test_every_write_leaves_an_audit_record_and_reads_leave_none(platform):
    platform.access.create_workspace(name="north")
    platform.datasets.create(name="shop")
    platform.datasets.find()
    platform.datasets.add_classes("shop", classes=("person",))
    written = platform.access.audit().items
    assert [r.operation for r in written] == ["datasets.create", "datasets.add_classes"]
    assert written[1].arguments == {"dataset": "shop", "classes": ["person"]}
    assert written[1].previous == written[0].digest
    assert {r.principal for r in written} == {"local"}


def test_tokens_are_paged(platform):
    made = [platform.access.create_token(name=f"t{i}", role=Role.VIEWER).token for i in range(5)]
    first = platform.access.tokens(limit=2)
    second = platform.access.tokens(limit=2, cursor=first.next)
    third = platform.access.tokens(limit=2, cursor=second.next)
    assert [t.id for p in (first, second, third) for t in p.items] == sorted(t.id for t in made)
    assert third.next is None


def test_a_token_in_the_address_opens_the_door_and_goes_no_further(local, served):
    secret = local.access.create_token(name="eve", role=Role.VIEWER).secret
    local.datasets.create(name="shop")
    asked = {"access_token": secret, "where": 'filename == "é"'}
    answer = served.get("/v1/datasets/shop/count", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == 0
    assert served.get("/v1/datasets", params={"access_token": secret}).status_code == 200
    assert served.get("/v1/datasets", params={"access_token": "wrong"}).status_code == 401
