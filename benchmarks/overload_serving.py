"""Ten times what the server can do, for a minute: served in time or refused at once, and no crash.

    python benchmarks/overload_serving.py [--seconds 60] [--times 10] [--timeout-ms 500]

Requests come at a fixed rate, whatever becomes of the earlier ones. The load generator runs on the
same cores; what it could not send in time is counted, not hidden. Bars: every served request within
its deadline by the server's clock and p99 by the client's plus what the machine adds; refusals
carry a reason and `Retry-After`; nothing is answered with another 5xx; memory grows by less than
200 MB.
"""

import argparse
import asyncio
import collections
import json
import sys
import tempfile
import time

import bench_serving as serving
import numpy as np
import psutil

MOST_CONNECTIONS = 800


class Storm:
    """Sends at a rate over as many connections as that takes."""

    def __init__(self, port, request):
        self.port, self.request = port, request
        self.idle, self.open, self.answers, self.unsent, self.broken = [], 0, [], 0, 0

    def kept(self):
        """A connection that is still open; the server closes those that are idle for seconds."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
            self.open -= 1
        return None, None

    async def one(self):
        try:
            reader, writer = self.kept()
            if writer is not None:
                pass
            elif self.open < MOST_CONNECTIONS:
                self.open += 1
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            else:
                self.unsent += 1
                return
            asked = time.perf_counter()
            writer.write(self.request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            body = await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
            self.answers.append((int(head.split()[1]), time.perf_counter() - asked, head, body))
            self.idle.append((reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            self.open -= 1
            self.broken += 1

    async def run(self, rate, seconds):
        start, sent, tasks = time.perf_counter(), 0, set()
        while (now := time.perf_counter() - start) < seconds:
            for _ in range(int(now * rate) - sent):
                sent += 1
                task = asyncio.create_task(self.one())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(0.002)
        if tasks:
            await asyncio.wait(tasks, timeout=30)
        self.broken += len(tasks)
        for _, writer in self.idle:
            writer.close()
        return sent


def percentiles(values):
    found = np.percentile(np.array(values or [0]) * 1e3, (50, 95, 99, 100))
    return "p50 {:.0f}, p95 {:.0f}, p99 {:.0f}, longest {:.0f} ms".format(*found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--times", type=float, default=10)
    parser.add_argument("--timeout-ms", type=float, default=500)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        serving.home(folder)
        port, picture = serving.free_port(), serving.jpeg()
        command = [sys.executable, "-m", "viseon", "serve", "--port", str(port)]
        path = "/v1/deployments/nano/predict"
        with serving.process(command, port, VISEON_HOME=folder) as pid:
            calm = serving.Load(port, path, picture, "image/jpeg")
            capacity = calm.run(serving.CONCURRENCY, 5)[0]
            process = psutil.Process(pid)
            before = process.memory_info().rss / 1e6
            storm = Storm(
                port,
                serving.Load(
                    port, f"{path}?timeout_ms={said.timeout_ms:g}", picture, "image/jpeg"
                ).request,
            )
            sent = asyncio.run(storm.run(capacity * said.times, said.seconds))
            grown = process.memory_info().rss / 1e6 - before
            alive = (
                process.is_running()
                and serving.Load(port, path, picture, "image/jpeg").run(1, 1)[0] > 0
            )
    served = [(took, json.loads(body)) for status, took, _, body in storm.answers if status == 200]
    refused = [(took, head, body) for status, took, head, body in storm.answers if status == 503]
    other = collections.Counter(status for status, *_ in storm.answers if status not in (200, 503))
    told = [body["predictions"][0]["latency"]["total_ms"] / 1e3 for _, body in served]
    took = [seconds for seconds, _ in served]
    print(
        f"capacity {capacity:.0f} a second; sent {sent} in {said.seconds:.0f} s, {storm.unsent} more could not be"
    )
    print(
        f"served {len(served)} ({len(served) / said.seconds / capacity:.2f} of capacity) within {said.timeout_ms:g} ms"
    )
    print(f"  the server's clock: {percentiles(told)}")
    print(f"  the client's clock: {percentiles(took)}")
    print(f"refused {len(refused)}: {percentiles([seconds for seconds, *_ in refused])}")
    reasons = collections.Counter(
        "".join(c for c in json.loads(body)["message"] if not c.isdigit()) for *_, body in refused
    )
    for reason, count in reasons.most_common(5):
        print(f"  {count:6d} {reason}")
    print(f"other answers {dict(other)}, broken connections {storm.broken}, memory {grown:+.0f} MB")
    good = (
        alive and served and not other and not storm.broken and grown < 200
        and max(told) * 1e3 <= said.timeout_ms * 1.02
        and all("retry-after:" in head for _, head, _ in refused)
    )  # fmt: skip
    sys.exit(0 if good else "a bar was missed")


if __name__ == "__main__":
    main()
