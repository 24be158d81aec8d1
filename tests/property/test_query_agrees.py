"""Random expressions over random samples: plain Python, SQLite and PostgreSQL say the same."""

import json
import operator
import re
from datetime import UTC, date, datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from viseon.adapters.sql import open_store, plan
from viseon.datasets.query import Vocabulary, parse
from viseon.schema import (
    Annotation,
    CustomField,
    Object,
    Principal,
    Role,
    Sample,
    Scope,
    digest_of,
)

SCOPE = Scope(principal=Principal(name="ada", role=Role.ADMIN))
CLASSES = ("person", "car", "ü'b")
KEYS = ("camera_id", "blur", "blurred", "n.x", "wéird", "lot", "seen_at", "hour", "a'b")
FIELDS = {"seen_at": CustomField(type="time")}
OPS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
NUMBER = count()

ALPHABET = "abcAB 19%_*?[]\\'é\ufffd\U0001f600-"
texts = st.one_of(
    st.sampled_from(["", "cam5", "Cam5", "cam10", "5", "true", "t", "x" * 80, "x" * 80 + "y"]),
    st.text(ALPHABET, max_size=5),
)
numbers = st.one_of(
    st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.just(5)
)
offsets = st.sampled_from(["", "Z", "+02:00", "-11:30"])
moments = st.builds(
    lambda d, o: d.isoformat() + o,
    st.datetimes(datetime(2029, 12, 30), datetime(2030, 1, 3)),
    offsets,
)
days = st.dates(date(2029, 12, 30), date(2030, 1, 3)).map(str)
scalars = st.one_of(texts, numbers, st.booleans(), moments, days)
values = st.one_of(scalars, st.lists(scalars, max_size=3), st.none(), st.just("x" * 1001))
metadata = st.fixed_dictionaries(
    {},
    optional={
        **{k: values for k in KEYS if k != "n.x"},
        "n": st.one_of(scalars, st.fixed_dictionaries({}, optional={"x": values, "y": values})),
        "tags": st.one_of(st.lists(texts, max_size=3), texts),
        "captured_at": st.one_of(moments, days, st.sampled_from([0, 1893456000.5, "never", 1e300])),
    },
)
annotations = st.one_of(
    st.none(),
    st.builds(
        lambda names, whole, seen: Annotation(
            objects=tuple(
                Object(id=str(i), class_name=c, box=(0, 0, 1, 1), attributes={"reviewed": False})
                for i, c in enumerate(names)
            ),
            classes=tuple(whole),
            reviewed=seen,
        ),
        st.lists(st.sampled_from(CLASSES), max_size=4),
        st.lists(st.sampled_from(CLASSES), max_size=1),
        st.booleans(),
    ),
)
rows = st.lists(
    st.tuples(
        st.text("ab/é*", min_size=1, max_size=4).filter(
            lambda n: not re.search("(^|/)(/|$)", n)
        ),
        metadata,
        annotations,
        st.sampled_from([None, "train", "val"]),
        st.integers(0, 2),
    ),
    max_size=8,
    unique_by=lambda r: r[0],
)  # fmt: skip

quoted = scalars.map(json.dumps).filter(lambda w: "NaN" not in w and "Infinity" not in w)
words = texts.map(json.dumps)
ordering = st.sampled_from(list(OPS))
named = st.sampled_from(["meta[" + json.dumps(k) + "]" for k in KEYS if k != "seen_at"])
named = named | st.sampled_from(["camera_id", "blur", "n.x", "wéird"])
atoms = st.one_of(
    st.tuples(named, ordering, quoted).map(" ".join),
    st.tuples(quoted, ordering, named).map(" ".join),
    st.tuples(named, st.sampled_from(["in", "not in"]), words, words).map(
        lambda p: f"{p[0]} {p[1]} [{p[2]}, {p[3]}]"
    ),
    st.tuples(named, st.sampled_from(["in", "not in"]), numbers.map(json.dumps)).map(
        lambda p: f"{p[0]} {p[1]} [{p[2]}]"
    ),
    st.tuples(
        named | st.just("filename") | st.just("split"),
        st.sampled_from(["startswith", "endswith", "contains", "matches"]),
        texts.filter(lambda w: w.count("*") < 8).map(json.dumps),
    ).map(lambda p: f"{p[0]}.{p[1]}({p[2]})"),
    st.tuples(quoted, st.sampled_from(["in", "not in"]), named | st.just("tags")).map(" ".join),
    st.tuples(
        named | st.sampled_from(["tags", "captured_at", "seen_at", "split", "width", "date"]),
        st.sampled_from(["is missing", "is not missing"]),
    ).map(" ".join),
    st.tuples(
        st.sampled_from(["captured_at", "seen_at"]), ordering, (moments | days).map(json.dumps)
    ).map(" ".join),
    st.tuples(st.just("date"), ordering, days.map(json.dumps)).map(" ".join),
    st.tuples(st.just("hour"), ordering, numbers.map(json.dumps)).map(" ".join),
    st.tuples(st.just("weekday"), ordering, st.sampled_from(['"sat"', '"mon"'])).map(" ".join),
    st.tuples(st.just("filename"), ordering, st.sampled_from(['"a"', '"é/a"'])).map(" ".join),
    st.tuples(st.just("split"), ordering, st.just('"train"')).map(" ".join),
    st.tuples(st.sampled_from(["width", "height"]), ordering, st.just("1.5")).map(" ".join),
    st.tuples(
        st.sampled_from(["count()", *(f"count({json.dumps(c)})" for c in CLASSES)]),
        ordering,
        st.sampled_from(["0", "1", "2", "-1", "1.5"]),
    ).map(" ".join),
    st.sampled_from(["labelled", "reviewed", "labelled == false", 'has("car")', "blurred"]),
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        inner.map(lambda e: f"not ({e})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: "(" + ") and (".join(p) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: "(" + ") or (".join(p) + ")"),
    ),
    max_leaves=4,
)


class Plain:
    """The meaning of an expression, from the sample itself."""

    def __init__(self, sample, annotation):
        self.sample, self.annotation = sample, annotation

    def holds(self, w):
        name = type(w).__name__.lower()
        return getattr(self, "opposite" if name == "not" else name)(w)

    def all(self, w):
        return all(map(self.holds, w.of))

    def some(self, w):
        return any(map(self.holds, w.of))

    def opposite(self, w):
        return not self.holds(w.of)

    def missing(self, w):
        return self.value(w.term) is None

    def labelled(self, w):
        return self.annotation is not None and (self.annotation.reviewed or not w.reviewed)

    def count(self, w):
        said = [] if self.annotation is None else [o.class_name for o in self.annotation.objects]
        said += [] if self.annotation is None else self.annotation.classes
        return OPS[w.operator](
            len(said) if w.class_name is None else said.count(w.class_name), w.value
        )

    def compare(self, w):
        mine = self.value(w.term)
        return like(mine, w.value) and OPS[w.operator](mine, w.value)

    def among(self, w):
        mine = self.value(w.term)
        return like(mine, w.values[0]) and (mine in w.values) != w.inverted

    def member(self, w):
        mine = self.value(w.term)
        many = mine if isinstance(mine, list) else [mine]
        return any(like(m, w.value) and m == w.value for m in many)

    def matches(self, w):
        mine = self.value(w.term)
        pattern = "".join(".*" if p is None else "." if p == 1 else re.escape(p) for p in w.parts)
        return isinstance(mine, str) and bool(re.fullmatch(pattern, mine, re.DOTALL))

    def value(self, term):
        if isinstance(term, str):
            return getattr(self.sample, term)
        if term.key in ("@width", "@height"):
            return float(getattr(self.sample, term.key[1:])) or None
        data = self.sample.metadata
        if term.time:
            return moment(data.get(term.key), seconds=term.key == "captured_at")
        found = data.get(term.key)
        if found is None and "." in term.key and term.key not in data:
            outer, inner = term.key.split(".")
            found = data[outer].get(inner) if isinstance(data.get(outer), dict) else None
        taken = moment(data.get("captured_at"), seconds=True)
        if searchable(found) is None and taken is not None:
            found = {"hour": taken.hour, "date": taken.date().isoformat()}.get(term.key, found)
            if term.key == "weekday":
                found = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][taken.weekday()]
        return searchable(found)


def moment(value, *, seconds):
    try:
        if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
            found = datetime.fromisoformat(value)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        if seconds and isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError):
        pass
    return None


def searchable(value):
    if isinstance(value, list):
        found = [searchable(v) for v in value]
        return None if None in found else found
    if isinstance(value, str):
        return value if len(value) <= 1000 else None
    return (
        value
        if isinstance(value, bool) or value is None or isinstance(value, dict)
        else as_float(value)
    )


def as_float(value):
    try:
        return float(value)
    except OverflowError:
        return None


def like(one, other):
    return one is not None and type(one) is type(other)


@pytest.fixture
def stores(tmp_path, postgres_url):
    opened = {
        "sqlite": open_store(f"sqlite:///{tmp_path / 'a.db'}"),
        "postgres": open_store(postgres_url),
    }
    yield opened
    for store in opened.values():
        store.close()


def answers(store, name, where, version):
    with store.catalog(SCOPE).read() as records:
        found = records.samples.page(name, where=where, version=version)
        total = sum(records.samples.count(name, where=where, version=version).values())
        assert total == len(found)
    return [s.filename for s in found]


@pytest.mark.parametrize("thin", [0.0, 1.0], ids=["row by row", "by hints"])
@given(
    rows=rows,
    told=st.lists(metadata, max_size=4),
    asked=st.lists(expressions, min_size=1, max_size=6),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)  # fmt: skip
def test_everybody_agrees(stores, thin, rows, told, asked):
    samples = [
        Sample(
            filename=n, digest=digest_of(n.encode()), metadata=m, split=s, width=w, height=w,
            annotation=a.digest if a else None,
        )
        for n, m, a, s, w in rows
    ]  # fmt: skip
    labels = {n: a for n, _, a, _, _ in rows}
    names = Vocabulary(fields=FIELDS, keys=KEYS, classes=CLASSES)
    after = {s.filename: m for s, m in zip(samples, told, strict=False)}
    now = [s.model_copy(update={"metadata": after.get(s.filename, s.metadata)}) for s in samples]
    dataset = f"d{next(NUMBER)}"
    for store in stores.values():
        with store.catalog(SCOPE).transaction() as records:
            records.samples.annotate(a for a in labels.values() if a)
            half = len(samples) // 2
            records.samples.add(dataset, samples[half:])
            records.samples.add(dataset, samples[:half])
            records.samples.freeze(dataset, 1)
            records.samples.describe(dataset, after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "THIN", thin)
        for source in asked:
            where = parse(source, names)
            for version, there in ((1, samples), (None, now)):
                expected = sorted(
                    s.filename for s in there if Plain(s, labels[s.filename]).holds(where)
                )
                for kind, store in stores.items():
                    found = answers(store, dataset, where, version)
                    assert found == expected, (kind, version, source)
