"""What a stream and its watchers say to each other."""

import io
import os
import threading
import time

from viseon.schema import StreamState
from viseon.streams import Hub, Picture, Speaker, Status
from viseon.streams.bus import read_messages, write_message


def status(frames=1):
    return Status(state=StreamState.RUNNING, frames=frames, counts={"door": {"in": 2}})


def test_what_is_written_is_read_back():
    pipe = io.BytesIO()
    messages = [status(), Picture(b"\xff\xd8\n\n{", 7, 0.7), status(2), Picture(b"", 8, 0.8)]
    for message in messages:
        write_message(pipe, message)
    pipe.seek(0)
    assert list(read_messages(pipe)) == messages


def test_a_message_cut_short_by_a_death_is_dropped_and_those_before_it_are_not():
    pipe = io.BytesIO()
    write_message(pipe, status())
    whole = len(pipe.getvalue())
    write_message(pipe, Picture(b"x" * 100, 1, 0.1))
    for cut in range(whole, len(pipe.getvalue())):
        assert list(read_messages(io.BytesIO(pipe.getvalue()[:cut]))) == [status()]


def test_what_a_library_printed_into_the_pipe_is_passed_over():
    pipe = io.BytesIO()
    pipe.write(b"loading weights...\n\n")
    write_message(pipe, status())
    pipe.seek(0)
    assert list(read_messages(pipe)) == [status()]


def test_nobody_watching_wants_no_pictures():
    speaker = Speaker(io.BytesIO())
    assert not speaker.wants(0.0)
    speaker.watch(True)
    assert speaker.wants(0.0)
    speaker.watch(False)
    assert not speaker.wants(0.0)
    speaker.close()


def test_a_reader_that_does_not_read_slows_nobody_and_gets_only_the_newest_picture():
    read, write = os.pipe()
    speaker = Speaker(os.fdopen(write, "wb"))
    big = b"x" * 300_000  # far more than a pipe holds
    started = time.monotonic()
    for index in range(50):
        speaker.show(big, index=index, time_s=0.0)
        speaker(status(index))
    assert time.monotonic() - started < 1.0
    told = []

    def hear():
        with os.fdopen(read, "rb") as pipe:
            told.extend(read_messages(pipe))

    reader = threading.Thread(target=hear)
    reader.start()
    speaker.close()
    speaker._pipe.close()
    reader.join(10)
    assert [m.frames for m in told if isinstance(m, Status)] == list(range(50))
    pictures = [m.index for m in told if isinstance(m, Picture)]
    assert pictures[-1] == 49
    assert len(pictures) <= 3


def test_a_reader_that_is_gone_is_no_reason_to_stop():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as pipe:
        speaker = Speaker(pipe)
        for index in range(3):
            speaker(status(index))
        speaker.close()
        assert not speaker._thread.is_alive()


def test_listeners_hear_their_own_stream_of_their_own_workspace():
    hub = Hub()
    with (
        hub.subscribe("a", "hall") as one,
        hub.subscribe("a") as every,
        hub.subscribe("b") as other,
    ):
        hub.publish("a", "hall", status(1))
        hub.publish("a", "yard", status(2))
        assert [one.next(0).message.frames] == [1]
        assert one.next(0) is None
        assert [every.next(0).stream, every.next(0).stream] == ["hall", "yard"]
        assert other.next(0) is None
    hub.publish("a", "hall", status(3))
    assert every.next(0) is None


def test_pictures_go_only_to_who_watches_and_only_the_newest():
    hub = Hub()
    assert not hub.watched("a", "hall")
    with hub.subscribe("a", "hall", pictures=True) as viewer, hub.subscribe("a") as listener:
        assert hub.watched("a", "hall")
        assert not hub.watched("b", "hall")
        for index in range(5):
            hub.publish("a", "hall", Picture(b"jpeg", index, 0.0))
        assert viewer.next(0).message.index == 4
        assert viewer.next(0) is None
        assert listener.next(0) is None
    assert not hub.watched("a", "hall")
    assert hub.picture("a", "hall").index == 4


def test_a_listener_that_sleeps_loses_the_oldest_not_the_newest():
    hub = Hub()
    with hub.subscribe("a") as listener:
        for n in range(1500):
            hub.publish("a", "hall", status(n))
        assert listener.next(0).message.frames == 500


def test_a_listener_is_woken():
    hub = Hub()
    with hub.subscribe("a") as listener:
        threading.Timer(0.05, hub.publish, ("a", "hall", status(9))).start()
        assert listener.next(5.0).message.frames == 9
