"""What a scrape of a node's metrics costs: processor time of the control plane, and GET beside it.

    python bench/metrics.py [--scrapes 50] [--rounds 5]

The control plane is the main thread of the process, and the kernel counts what it runs in nanoseconds
(/proc/PID/task/TID/schedstat). The cost of doing nothing for as long is taken off. GET is measured by
`redis-benchmark` without pipelining, 50 clients, with one scrape a second and without, in turn; its processor
time a command is that of the data plane's thread. Scrapes are 0.25 s apart, since younger figures are reused.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import redis

sys.path.insert(0, __file__.rpartition("/bench/")[0])

from bench.peers import GARRISON, Server, free_port, running

APART_S = 0.25
LEFT_OUT = ("shutdown", "monitor", "quit", "sync", "psync", "reset")
"""Commands that end a connection or the server."""
FORMATS = {"text": "text/plain;version=0.0.4", "OpenMetrics": "application/openmetrics-text;version=1.0.0"}


def run_ms(server: Server, thread: str) -> float:
    """Milliseconds that the thread of this name has run; the main thread is the control plane."""
    pid = server.process.pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        is_main = task.name == str(pid)
        if is_main if thread == "main" else (task / "comm").read_text().strip() == thread:
            return int((task / "schedstat").read_text().split()[0]) / 1e6
    raise RuntimeError(f"no thread {thread}")


def scrape(port: int, accept: str) -> int:
    """The length of the page."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return len(answer.read())


def cost(server: Server, port: int, accept: str, count: int) -> tuple[float, float, int]:
    """Milliseconds of the control plane, and of the data plane, for a scrape; the bytes of the page."""
    threads = ("main", "data-plane")
    idle_from = [run_ms(server, thread) for thread in threads]
    time.sleep(count * APART_S)
    busy_from = [run_ms(server, thread) for thread in threads]
    length = 0
    for _ in range(count):
        began_s = time.monotonic()
        length = scrape(port, accept)
        time.sleep(max(0.0, APART_S - (time.monotonic() - began_s)))
    ends = [run_ms(server, thread) for thread in threads]
    spent = [
        ((end - busy) - (busy - idle)) / count
        for idle, busy, end in zip(idle_from, busy_from, ends, strict=True)
    ]
    return spent[0], spent[1], length


def use_every_command(server: Server) -> int:
    """Leave a trace of every command, so that the page is as long as it gets; how many there are."""
    with redis.Redis(port=server.port) as client:
        names = [name.decode() for name in client.execute_command("COMMAND LIST")]
        names = [name for name in names if name not in LEFT_OUT and "subscribe" not in name]
        for name in names:
            with contextlib.suppress(redis.RedisError):
                client.execute_command(name.replace("|", " "), *(["no"] * 40))
    return len(names)


def get_rate(server: Server, calls: int) -> tuple[float, float]:
    """GETs a second, and microseconds of the data plane for one."""
    before = run_ms(server, "data-plane")
    command = ["redis-benchmark", "-p", str(server.port), "-n", str(calls), "-c", "50", "-t", "get", "--csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu_us = (run_ms(server, "data-plane") - before) * 1000 / calls
    return float(done.stdout.strip().splitlines()[-1].split('","')[1].strip('"')), cpu_us


def scraping(port: int, ended: threading.Event) -> None:
    while not ended.wait(1.0):
        scrape(port, FORMATS["OpenMetrics"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scrapes", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300_000)
    options = parser.parse_args()
    port = free_port()
    with running(GARRISON, None, "--metrics-port", str(port), "--metrics-bind", "127.0.0.1") as server:
        found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for number in range(options.rounds):
            # Whoever goes second finds warmer caches, or a busier machine.
            for with_scrapes in (number % 2 == 0, number % 2 == 1):
                ended = threading.Event()
                thread = threading.Thread(target=scraping, args=(port, ended))
                if with_scrapes:
                    thread.start()
                found[with_scrapes].append(get_rate(server, options.calls))
                ended.set()
                if with_scrapes:
                    thread.join()
        for with_scrapes, rows in found.items():
            rate, cpu_us = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"GET, {'one' if with_scrapes else 'no'} scrape a second: {rate:9,.0f}/s {cpu_us:6.3f} us")
        for state in ("few commands used", "every command used"):
            if state.startswith("every"):
                state = f"all {use_every_command(server)} commands used"
            for name, accept in FORMATS.items():
                control_ms, data_ms, length = cost(server, port, accept, options.scrapes)
                print(
                    f"{state}, {name}: {control_ms:.2f} ms of the control plane, "
                    f"{data_ms:.2f} ms of the data plane, {length:,} bytes"
                )


if __name__ == "__main__":
    main()
