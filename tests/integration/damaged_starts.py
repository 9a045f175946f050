"""A real node that is started on a damaged file: it serves, or ends with an error that names the place."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import redis

from tests.conftest import find_free_port
from tests.integration.small_files import LOG_FOLDER, MANIFEST, SmallFile

START_S_MAX = 30.0
NAMED = re.compile(r"(offset|line) \d+|is not there|names no file")
BASE, INCREMENT = "appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"
PLAIN_MANIFEST = f"file {BASE} seq 1 type b\nfile {INCREMENT} seq 1 type i\n"


def lay_out(file: SmallFile, content: bytes, folder: Path) -> str:
    """Put the file where a start reads it; the name that an error must have."""
    log = folder / LOG_FOLDER
    log.mkdir(parents=True)
    if file.kind == "rdb":
        (folder / "dump.rdb").write_bytes(content)
        return "dump.rdb"
    if file.kind == "manifest":
        (log / MANIFEST).write_bytes(content)
        for name in set(re.findall(rb"file (\S+)", file.content)):
            (log / name.decode()).touch()
        return MANIFEST
    # An increment alone: what it says is all there is.
    (log / MANIFEST).write_text(f"file {INCREMENT} seq 1 type i\n")
    (log / INCREMENT).write_bytes(content)
    return INCREMENT


def start_on(file: SmallFile, content: bytes, folder: Path) -> str:
    """What comes of a start; WRONG and why, if it must not be."""
    name = lay_out(file, content, folder)
    port = find_free_port()
    command = [sys.executable, "-m", "garrison", "node", "--port", str(port), "--dir", str(folder)]
    command += ["--appendonly", "no" if file.kind == "rdb" else "yes", "--save", ""]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_S_MAX
        while process.poll() is None and time.monotonic() < deadline:
            try:
                with redis.Redis(port=port) as client:
                    if not client.info("persistence")["loading"]:
                        return "it serves"
            except redis.RedisError:
                time.sleep(0.02)
        said = log.read_text(errors="replace")
        if process.poll() == 1 and name in said and NAMED.search(said):
            return "it ends with an error that names the file and the place"
        return f"WRONG: exit code {process.poll()}: {said[-500:]}"
    finally:
        process.kill()
        process.wait()
