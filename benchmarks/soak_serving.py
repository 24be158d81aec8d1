"""Ten minutes of predictions, good and bad: memory has to stay where it is.

    python benchmarks/soak_serving.py [--seconds 600] [--every 60] [--concurrency 4]

Bars, from a fifth of the time on (until then caches fill): the line through the server's memory
rises by less than 1 MB a minute, threads and open files do not pile up, and no answer is a 5xx.
"""

import argparse
import asyncio
import collections
import sys
import tempfile
import threading
import time

import bench_serving as serving
import numpy as np
import psutil

SAMPLES_PER_MINUTE = 30
LEAST_SECONDS = 300


def requests(port):
    """What is sent in turns: mostly pictures, now and then what is none."""
    picture = serving.jpeg()
    paths = ("/v1/deployments/nano/predict", "/v1/deployments/nano/predict?answer=image")
    bodies = [(paths[0], picture)] * 12 + [
        (paths[1], picture),
        (paths[0], picture[: len(picture) // 2]),
        (paths[0], b"no picture"),
        ("/v1/deployments/nobody/predict", picture),
    ]
    return [
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
        for path, body in bodies
    ]


async def ask(port, sent, until, counts):
    """One client that hangs up now and then."""
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in sent:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
            counts[int(head.split()[1])] += 1
            if time.monotonic() > until:
                break
        writer.close()


def clients(port, until, concurrency, counts):
    async def together():
        sent = requests(port)
        await asyncio.gather(*(ask(port, sent, until, counts) for _ in range(concurrency)))

    asyncio.run(together())


class Watch:
    """Looks at the server's memory."""

    def __init__(self, pid):
        self.process = psutil.Process(pid)
        self.rows, self.start = [], time.monotonic()

    def look(self):
        with self.process.oneshot():
            memory = self.process.memory_info().rss / 1e6
            self.rows.append(
                (
                    time.monotonic() - self.start,
                    memory,
                    self.process.num_threads(),
                    self.process.num_fds(),
                )
            )
        return self.rows[-1]

    def settled(self):
        rows = np.array(self.rows)
        return rows[rows[:, 0] >= rows[-1, 0] / 5]

    def slope(self):
        """MB a minute: the least-squares line through what was seen after warming up."""
        rows = self.settled()
        return float(np.polyfit(rows[:, 0] / 60, rows[:, 1], 1)[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--every", type=float, default=60)
    parser.add_argument("--concurrency", type=int, default=4)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        serving.home(folder)
        port, counts = serving.free_port(), collections.Counter()
        command = [sys.executable, "-m", "viseon", "serve", "--port", str(port)]
        with serving.process(command, port, VISEON_HOME=folder) as pid:
            watch, until = Watch(pid), time.monotonic() + said.seconds
            print(f"start {watch.look()[1]:8.1f} MB")
            load = threading.Thread(target=clients, args=(port, until, said.concurrency, counts))
            load.start()
            told = time.monotonic()
            while load.is_alive():
                load.join(60 / SAMPLES_PER_MINUTE)
                at, memory, threads, files = watch.look()
                if time.monotonic() - told >= said.every:
                    told += said.every
                    answers = dict(sorted(counts.items()))
                    print(
                        f"{at:5.0f} s {memory:8.1f} MB, {threads} threads, {files} files; {answers}",
                        flush=True,
                    )
    rows, slope = watch.settled(), watch.slope()
    print(f"end   {rows[-1, 1]:8.1f} MB; {slope:+.2f} MB a minute (bar: below 1)")
    print(
        f"threads at most {rows[:, 2].max():.0f}, files at most {rows[:, 3].max():.0f}; {dict(counts)}"
    )
    bad = sum(count for status, count in counts.items() if status >= 500)
    piled = rows[-1, 3] > rows[:, 3].min() + 2 * said.concurrency + 4
    judged = said.seconds >= LEAST_SECONDS
    if not judged:
        print(f"less than {LEAST_SECONDS} s say nothing about memory: caches still fill")
    flat = (slope < 1 or not judged) and not piled
    sys.exit(0 if flat and not bad and counts[200] else "not flat, or an answer was a 5xx")


if __name__ == "__main__":
    main()
