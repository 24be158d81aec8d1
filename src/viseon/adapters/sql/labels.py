"""Annotations on SQL, by the digest of their content."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from sqlalchemy import Connection, select

from viseon.adapters.sql.engine import upserting
from viseon.adapters.sql.tables import annotation, tally
from viseon.schema import Annotation, Digest, Failed, NotFound, digest_of


class SqlLabels:
    """The annotations of one workspace and how many objects of each class they have."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._db = connection
        self._workspace = workspace
        self._insert = upserting(connection)

    def put(self, annotations: Sequence[Annotation]) -> None:
        """Store those that are not there yet."""
        bodies, counts = [], []
        for a in annotations:
            content = a.content
            key = {"workspace": self._workspace, "digest": bytes.fromhex(digest_of(content))}
            bodies.append({**key, "body": content.decode()})
            for name, n in _counted(a).items():
                counts.append({**key, "class_name": name, "count": n})
        self._db.execute(self._insert(annotation).on_conflict_do_nothing(), bodies)
        if counts:
            self._db.execute(self._insert(tally).on_conflict_do_nothing(), counts)

    def classes(self, digests: Mapping[str, Digest]) -> dict[str, list[str]]:
        """Which classes annotations say, by whatever the digests are filed under."""
        wanted = {d: bytes.fromhex(d) for d in set(digests.values())}
        if not wanted:
            return {}
        query = select(tally.c.digest, tally.c.class_name).where(
            tally.c.workspace == self._workspace, tally.c.digest.in_(list(wanted.values()))
        )
        found: dict[Digest, list[str]] = {}
        for digest, name in self._db.execute(query):
            found.setdefault(bytes(digest).hex(), []).append(name)
        return {key: found.get(digest, []) for key, digest in digests.items()}

    def get(self, digests: Sequence[Digest]) -> dict[Digest, Annotation]:
        """By digest, in any order given. Raises NotFound for the first that is missing."""
        query = select(annotation.c.digest, annotation.c.body).where(
            annotation.c.workspace == self._workspace,
            annotation.c.digest.in_([bytes.fromhex(d) for d in set(digests)]),
        )
        found = {
            digest: _read(digest, r.body)
            for r in self._db.execute(query)
            if (digest := bytes(r.digest).hex())
        }
        for digest in digests:
            if digest not in found:
                raise NotFound(f"no annotation {digest[:12]}…")
        return {digest: found[digest] for digest in digests}


def _read(digest: Digest, body: str) -> Annotation:
    try:
        return Annotation.model_validate_json(body)
    except ValidationError:
        raise Failed(
            f"annotation {digest[:12]}… is damaged in the database",
            fix="restore the database from a backup",
        ) from None


def _counted(annotation: Annotation) -> Counter[str]:
    return Counter([*(o.class_name for o in annotation.objects), *annotation.classes])
