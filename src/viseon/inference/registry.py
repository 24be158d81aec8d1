"""Giving models their number: shared by training and by people who bring their own."""

from viseon.ports import Records
from viseon.schema import Digest, Model, NotFound, Signature, canonical_json, digest_of


def model_digest(onnx: Digest, signature: Signature) -> Digest:
    """What a model is: its weights and how they are used."""
    return digest_of(canonical_json({"onnx": onnx, "signature": signature.model_dump(mode="json")}))


def model_key(name: str, number: int) -> str:
    """Where a model is kept; sorts by number."""
    return f"{name}@{number:08d}"


def register(records: Records, draft: Model) -> Model:
    """Store `draft` under its name with the next number and its digest.

    If the same weights and signature are already there under that name, that model is the answer
    and nothing is written. `draft.number` and `draft.digest` are not looked at.
    """
    digest = model_digest(draft.onnx, draft.signature)
    for known in records.find(Model, prefix=f"{draft.name}@", where={"digest": digest}, limit=1):
        return known
    latest = records.find(Model, prefix=f"{draft.name}@", limit=1, newest_first=True)
    number = latest[0].number + 1 if latest else 1
    model = draft.model_copy(update={"number": number, "digest": digest})
    records.put(model_key(model.name, number), model)
    return model


def find_model(records: Records, ref: str) -> Model:
    """The model that `name`, `name@number` or `name@tag` means. Raises NotFound."""
    name, _, which = ref.partition("@")
    if not which:
        return latest_model(records, name)
    if which.isdigit():
        model = records.seek(Model, model_key(name, int(which)))
        if model is not None:
            return model
    else:
        for model in records.find(Model, prefix=f"{name}@", newest_first=True):
            if which in model.tags:
                return model
    latest = latest_model(records, name)
    raise NotFound(f"no model {ref!r}", fix=f"the latest is {latest.ref!r}")


def latest_model(records: Records, name: str) -> Model:
    """The highest number of a model. Raises NotFound."""
    found = records.find(Model, prefix=f"{name}@", limit=1, newest_first=True)
    if not found:
        raise NotFound(f"no model named {name!r}", fix="viseon models add shows how to bring one")
    return found[0]
