"""From an event back to the pictures its model learned from, by following digests."""

from viseon.ports import Records
from viseon.schema import Event, Model, Run, Sample, StreamConfig, Trace, Version

FIRST_SAMPLES = 12
_PAGE = 500


def trace(records: Records, event: Event) -> Trace:
    """As far back as the catalog knows; `notes` say why the way ends where it does."""
    notes: list[str] = []
    found = records.find(StreamConfig, where={"config": event.config}, limit=1)
    models = records.find(Model, where={"digest": event.model}, limit=1)
    if not found:
        notes.append("the stream's configuration is not in this catalog")
    if not models:
        notes.append("the model is not in this catalog")
        return Trace(event=event, stream=found[0] if found else None, notes=tuple(notes))
    model = models[0]
    run = _run(records, model, notes)
    version = _version(records, model, notes)
    samples = _training_samples(records, version) if version else ()
    if version and not samples:
        notes.append(f"{version.dataset}@{version.number} has no training images left")
    return Trace(
        event=event,
        stream=found[0] if found else None,
        model=model,
        run=run,
        version=version,
        samples=samples,
        notes=tuple(notes),
    )


def _run(records: Records, model: Model, notes: list[str]) -> Run | None:
    if model.run is None:
        notes.append(f"{model.ref} was made elsewhere: no run, no training images are known")
        return None
    run = records.seek(Run, model.run)
    if run is None:
        notes.append(f"run {model.run} of {model.ref} is not in this catalog")
    return run


def _version(records: Records, model: Model, notes: list[str]) -> Version | None:
    if model.version is None:
        if model.run is not None:
            notes.append(f"{model.ref} does not say which dataset version it learned from")
        return None
    found = records.find(Version, where={"fingerprint": model.version}, limit=1)
    if not found:
        named = f" ({model.dataset})" if model.dataset else ""
        notes.append(f"dataset version {model.version[:12]}{named} is not in this catalog")
        return None
    return found[0]


def _training_samples(records: Records, version: Version) -> tuple[Sample, ...]:
    """The first ones by filename, without reading the whole version."""
    training: list[Sample] = []
    after = ""
    while len(training) < FIRST_SAMPLES:
        page = records.samples.page(
            version.dataset, version=version.number, after=after, limit=_PAGE
        )
        training += (sample for sample in page if sample.split == "train" and not sample.erased)
        if len(page) < _PAGE:
            break
        after = page[-1].filename
    return tuple(training[:FIRST_SAMPLES])
