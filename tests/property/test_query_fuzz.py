"""Any text at all: it is refused with Invalid, or becomes SQL that runs and holds no value."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from viseon.adapters.sql import open_store
from viseon.adapters.sql.tables import sample
from viseon.adapters.sql.where import Translator
from viseon.datasets.query import Vocabulary, parse
from viseon.datasets.query.names import WEEKDAYS
from viseon.ports.where import All, Among, Compare, Count, Matches, Member, Not, Some
from viseon.schema import (
    Annotation,
    CustomField,
    Invalid,
    Object,
    Principal,
    Role,
    Sample,
    Scope,
    digest_of,
)

SCOPE = Scope(principal=Principal(name="ada", role=Role.ADMIN))
STRANGE = ("pérson", "'; drop table sample; --", "人", "🧍\u200d♂️", "שלום", "%_*?[x]", 'a"b\\c')
NAMES = Vocabulary(
    fields={
        "lux": CustomField(type="number"),
        "light": CustomField(type="choice", choices=("day", "night")),
        "seen": CustomField(type="time"),
        "born": CustomField(type="date"),
        "wet": CustomField(type="boolean"),
    },
    keys=("camera_id", "weather.sky", "wéird", "captured_at"),
    classes=STRANGE,
)
DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}

WORDS = (
    "and", "or", "not", "in", "is", "missing", "true", "false", "(", ")", "[", "]", ",", ".",
    "==", "!=", "<", "<=", ">", ">=", "=", "&&", "filename", "digest", "split", "tags", "width",
    "captured_at", "hour", "weekday", "date", "lux", "light", "seen", "born", "wet", "camera_id",
    "weather", "sky", "wéird", "classes", "labelled", "reviewed", "count", "has", "meta",
    "startswith", "endswith", "contains", "matches", "count()", '"night" in tags', "1", "-0.5",
    "1e308", "1e309", "-0", '"2030-01-01"', '"train"', '"day"', "'sun'", '"\\u00e9"', '"\\ud800"',
    '"\\q"', '"', "'", "\\", "\0", "\u2028", "#", ";", "--", "hour >= 22", 'lux in [1, 2]',
    *map(json.dumps, STRANGE),
)  # fmt: skip
soup = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
meant = st.recursive(
    st.sampled_from(
        ["hour >= 22", "labelled", '"x" in tags', "lux is missing", 'digest == "ab"', "wet",
         'camera_id.matches("*a?b*")', 'count("人") < 2', 'split in ["val"]', "seen > '2030-01-01'",
         'meta["a\'b"] not in ["x", "y"]', 'filename.contains("abc")', 'has("שלום")',
         'filename.endswith("%_\\\\")', 'digest in ["00", "zz"]', 'meta["q"] < true']
    ),
    lambda inner: st.one_of(
        inner.map(lambda e: f"not ({e})"),
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map("".join),
    ),
    max_leaves=8,
)  # fmt: skip


def read(source):
    """The tree, or None for what is refused; anything but Invalid is a failure."""
    try:
        return parse(source, NAMES)
    except Invalid:
        return None


def texts(where):
    """Every text that somebody wrote and that is compared with."""
    match where:
        case All() | Some():
            return {t for part in where.of for t in texts(part)}
        case Not():
            return texts(where.of)
        case Compare() | Member():
            found = {where.value}
        case Among():
            found = set(where.values)
        case Matches():
            found = set(where.parts)
        case Count():
            found = {where.class_name}
        case _:
            found = set()
    return {t for t in found if isinstance(t, str)}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """A store with a sample that has every strange class."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('fuzz') / 'a.db'}")
    said = [
        Annotation(objects=(Object(id="0", class_name=name, box=(0, 0, 1, 1)),)) for name in STRANGE
    ]
    catalog = store.catalog(SCOPE)
    with catalog.transaction() as records:
        records.samples.annotate(said)
        records.samples.add(
            "d",
            [
                Sample(filename=f"{n}.jpg", digest=digest_of(b"%d" % n), annotation=a.digest)
                for n, a in enumerate(said)
            ],
        )
    yield catalog
    store.close()


@given(source=st.one_of(soup, meant, st.text(max_size=40)))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_is_refused_or_runs(catalog, source):
    where = read(source)
    if where is not None:
        with catalog.read() as records:
            found = records.samples.page("d", where=where)
            assert sum(records.samples.count("d", where=where).values()) == len(found)


@given(source=meant)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_value_stands_in_the_statement(dialect, source):
    where = read(source)
    query = select(sample.c.line).where(Translator("w", dialect).test(where))
    statement = str(query.compile(dialect=DIALECTS[dialect]))
    known = {"", "val", "train", *WEEKDAYS}
    assert [t for t in texts(where) - known if t in statement and len(t) > 2] == []
    assert "人" not in statement


@pytest.mark.parametrize("name", STRANGE)
def test_a_class_may_have_any_name(catalog, name):
    where = parse(f"has({json.dumps(name)}) and count({json.dumps(name)}) == 1", NAMES)
    with catalog.read() as records:
        assert len(records.samples.page("d", where=where)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000,
        "(" * 9000 + "labelled" + ")" * 9000,
        "not " * 4900 + "labelled",
        "labelled and " * 1500 + "labelled",
        "labelled or " * 25_000 + "labelled",
        "camera_id in [" + ", ".join('"a"' for _ in range(3000)) + "]",
        'camera_id == "' + "x" * 100_000 + '"',
        'camera_id == "' + "x" * 19_000,
        'camera_id.matches("' + "*a" * 500 + '")',
        "x" * 19_000,
        "1" * 19_000,
        "-" * 19_000,
        '"\\' * 9_000,
        ". " * 9_000,
        "camera_id" + ".a" * 9_000,
        "meta[" * 3_000,
        "hour < " + "9" * 19_000,
        "count() in [" + ", ".join(map(str, range(200))) + "]",
    ],
    ids=range(18),
)
def test_too_much_is_refused(source):
    with pytest.raises(Invalid):
        parse(source, NAMES)


@pytest.mark.parametrize(
    "source",
    [
        " or ".join(["labelled"] * 199),
        " and ".join(["not labelled"] * 199),
        " and ".join(["count() >= 0"] * 199),
        " or ".join([f"lux == {n}" for n in range(199)]),
        "(" * 37 + "labelled" + ")" * 37,
        "count() in [" + ", ".join(map(str, range(199))) + "]",
        "count() not in [" + ", ".join(map(str, range(199))) + "]",
        "lux in [" + ", ".join(map(str, range(1999))) + "]",
        "lux not in [" + ", ".join(map(str, range(1999))) + "]",
        'filename.matches("' + "*a" * 8 + '")',
    ],
    ids=range(10),
)
def test_as_much_as_is_allowed_runs(catalog, source):
    with catalog.read() as records:
        records.samples.page("d", where=parse(source, NAMES))
        records.samples.count("d", where=parse(f"not ({source})", NAMES))
