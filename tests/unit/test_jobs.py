"""Jobs from queue to end: admitted, launched, heard, cancelled, lost."""

from datetime import UTC, datetime, timedelta

import pytest

from viseon.adapters.launchers.inline import InlineLauncher
from viseon.adapters.probes.fixed import FixedProbe
from viseon.adapters.sql import open_store
from viseon.app import LOCAL
from viseon.jobs import Dispatcher, JobReport, Jobs, follow, work
from viseon.operation import Binding, bind, operation, operations, perform
from viseon.ports import Report
from viseon.schema import Busy, Conflict, Failed, Invalid, JobState, Resources, Role

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.time = NOON

    def __call__(self):
        self.time += timedelta(milliseconds=1)
        return self.time


class Naps:
    """Does nothing, slowly."""

    @operation("POST", "/naps/{bed}", needs=Role.EDITOR, takes=Resources(cores=1, ram_mb=100))
    def start(self, bed: str, *, deep: bool = False, report: Report) -> dict[str, str]:
        """Sleep."""
        if bed == "nails":
            raise Invalid("bed: too sharp")
        if bed == "lava":
            raise KeyError("ouch")
        report.progress(0.5, "dreaming")
        report.metric("depth", 0.25, step=1)
        report.log("zzz")
        return {"slept": bed, "deep": str(deep)}


class Held:
    """A launcher whose processes live until told otherwise."""

    def __init__(self):
        self.living, self.cancelled = set(), []

    def start(self, job, scope):
        self.living.add(job.id)
        return 4242

    def cancel(self, job):
        self.cancelled.append(job.id)
        self.living.discard(job.id)

    def alive(self, job):
        return job.id in self.living


@pytest.fixture
def store():
    store = open_store("sqlite://")
    yield store
    store.close()


def built(store, launcher=None, *, size=None, lost=lambda _: None):
    clock, catalog = Clock(), store.catalog(LOCAL)
    naps = Naps()
    probe = FixedProbe(size or Resources(cores=2, ram_mb=1000))

    def run(job, scope):
        op = next(operations(Naps))
        report = JobReport(catalog, clock, job.id)
        work(catalog, clock, job.id, lambda r: perform(naps, op, job.arguments, r), report=report)

    launcher = launcher or InlineLauncher(run)
    dispatcher = Dispatcher(catalog, LOCAL, launcher, probe, clock, lost)
    jobs = Jobs(catalog, LOCAL, launcher, probe, dispatcher, clock)
    bind(naps, Binding(LOCAL, jobs.submit, None, lambda id, **how: follow(jobs, id, **how)))
    return naps, jobs, dispatcher, clock


def test_a_long_operation_gives_a_job_whose_result_is_what_the_body_returned(store):
    naps, jobs, *_ = built(store)
    job = naps.start("hammock", deep=True)
    assert job.wait().result == {"slept": "hammock", "deep": "True"}
    assert jobs.get(job.id).state is JobState.DONE
    assert [(e.kind, e.name, e.message) for e in jobs.log(job.id).items] == [
        ("metric", "depth", ""),
        ("log", "", "zzz"),
        ("state", "", "done"),
    ]


def test_a_failure_is_the_jobs_reason(store):
    naps, jobs, *_ = built(store)
    job = naps.start("nails")
    with pytest.raises(Failed, match="naps.start failed: bed: too sharp"):
        job.wait()
    assert jobs.get(job.id).state is JobState.FAILED


def test_a_bug_is_a_reason_too_and_its_traceback_is_in_the_log(store):
    naps, jobs, *_ = built(store)
    job = jobs.get(naps.start("lava").id)
    assert job.reason == "KeyError: 'ouch'"
    assert "Traceback" in jobs.log(job.id).items[0].message


def test_wrong_arguments_never_become_a_job(store):
    naps, jobs, *_ = built(store)
    with pytest.raises(Invalid, match="^deep:"):
        naps.start("hammock", deep="perhaps")
    assert jobs.find().items == ()


def test_a_job_waits_its_turn_and_says_for_what(store):
    naps, jobs, *_ = built(store, Held())
    first, second, third = (naps.start(b) for b in "abc")
    states = [jobs.get(j.id).state for j in (first, second, third)]
    assert states == [JobState.RUNNING, JobState.RUNNING, JobState.QUEUED]
    waiting = jobs.get(third.id)
    assert waiting.position == 1
    assert waiting.reason == "waits for cores: needs 1, free 0"


def test_a_job_the_machine_can_never_run_is_refused_with_the_reason(store):
    naps, jobs, *_ = built(store, size=Resources(cores=2, ram_mb=50))
    with pytest.raises(Busy, match="ram_mb: needs 100, free 50"):
        naps.start("a")
    assert jobs.find().items == ()


def test_the_next_in_the_queue_starts_when_one_ends(store):
    launcher = Held()
    naps, jobs, dispatcher, clock = built(store, launcher)
    first, _, third = (naps.start(b) for b in "abc")
    jobs.cancel(first.id)
    assert launcher.cancelled == [first.id]
    dispatcher.tick()
    assert jobs.get(third.id).state is JobState.RUNNING


def test_a_job_whose_process_died_is_marked_failed_and_its_owner_is_told(store):
    launcher, told = Held(), []
    naps, jobs, dispatcher, clock = built(store, launcher, lost=told.append)
    job = naps.start("a")
    launcher.living.clear()
    dispatcher.tick()
    dispatcher.tick()
    assert jobs.get(job.id).state is JobState.FAILED
    assert "ended without a word" in jobs.get(job.id).reason
    assert [j.id for j in told] == [job.id]


def test_a_queued_job_can_be_cancelled_and_only_once(store):
    naps, jobs, *_ = built(store, Held())
    _, _, third = (naps.start(b) for b in "abc")
    assert jobs.cancel(third.id).state is JobState.CANCELLED
    with pytest.raises(Conflict, match="has ended already: cancelled"):
        jobs.cancel(third.id)


def test_two_dispatchers_start_a_job_once(store):
    launcher = Held()
    naps, jobs, dispatcher, clock = built(store, launcher)
    started = []
    launcher_start = launcher.start
    launcher.start = lambda job, scope: (started.append(job.id), launcher_start(job, scope))[1]
    job = naps.start("a")
    for _ in range(3):
        built(store, launcher)[2].tick()
    assert started == [job.id]


def test_waiting_has_a_limit(store):
    naps, *_ = built(store, Held())
    with pytest.raises(TimeoutError, match="still running"):
        naps.start("a").wait(timeout_s=0.1)


def test_progress_leaves_no_audit_records_but_deeds_do(store):
    from viseon.schema import AuditRecord

    naps, *_ = built(store)
    naps.start("hammock").wait()
    with store.catalog(LOCAL).read() as records:
        assert [r.operation for r in records.find(AuditRecord)] == ["naps.start"]


def test_following_tells_metrics_and_lines_as_they_come(store, capsys):
    naps, *_ = built(store)
    naps.start("hammock").wait(progress=True)
    assert capsys.readouterr().err.splitlines() == ["zzz", "   1  depth 0.25"]
