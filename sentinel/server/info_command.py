"""INFO: the sections of a Sentinel, with the names that tools look for."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable

import garrison
from garrison.base.clock import wall_ms
from garrison.sentinel.config.config import Config
from garrison.sentinel.server.login import REDIS_VERSION
from garrison.sentinel.server.server import Server

EVERYTHING = frozenset({"default", "all", "everything"})


class Info:
    """Writes the sections; `of_core` gives the text of INFO sentinel."""

    def __init__(self, config: Config, server: Server, run_id: str, of_core: Callable[[], str]) -> None:
        self._config = config
        self._server = server
        self._run_id = run_id
        self._started_s = time.monotonic()
        self._sections: dict[str, Callable[[], str]] = {
            "server": self._of_process,
            "clients": self._of_clients,
            "stats": self._of_stats,
            "cpu": self._of_processors,
            "sentinel": of_core,
        }

    def reply(self, words: list[bytes]) -> str:
        """The answer to INFO with these words."""
        asked = {word.decode("utf-8", "replace").lower() for word in words} or {"default"}
        everything = bool(asked & EVERYTHING)
        texts = [
            f"# {_title(name)}\r\n{text().rstrip()}\r\n"
            for name, text in self._sections.items()
            if everything or name in asked
        ]
        return "\r\n".join(texts)

    def _of_process(self) -> str:
        uptime_s = int(time.monotonic() - self._started_s)
        return _lines(
            redis_version=REDIS_VERSION,
            redis_git_sha1="00000000",
            redis_git_dirty=0,
            redis_build_id="0",
            redis_mode="sentinel",
            server_name="garrison",
            garrison_version=garrison.__version__,
            os=f"{platform.system()} {platform.release()} {platform.machine()}",
            arch_bits=64,
            monotonic_clock="POSIX clock_gettime",
            multiplexing_api="epoll",
            process_id=os.getpid(),
            process_supervised=self._config.text("supervised"),
            run_id=self._run_id,
            tcp_port=self._config.text("port"),
            server_time_usec=wall_ms() * 1000,
            uptime_in_seconds=uptime_s,
            uptime_in_days=uptime_s // 86_400,
            hz=10,
            configured_hz=10,
            executable=sys.executable,
            config_file=self._config.file,
        )

    def _of_clients(self) -> str:
        clients = list(self._server.clients.values())
        return _lines(
            connected_clients=len(clients),
            cluster_connections=0,
            maxclients=self._server.maxclients,
            client_recent_max_input_buffer=max((c.parser.held_bytes for c in clients), default=0),
            client_recent_max_output_buffer=max((c.waiting_bytes for c in clients), default=0),
            blocked_clients=0,
            tracking_clients=sum(c.tracking for c in clients),
            clients_in_timeout_table=0,
            pubsub_clients=sum(bool(c.subscriptions) for c in clients),
        )

    def _of_stats(self) -> str:
        counters, server = self._server.counters, self._server
        return _lines(
            total_connections_received=counters.connections,
            total_commands_processed=counters.commands,
            total_net_input_bytes=counters.input_bytes,
            total_net_output_bytes=counters.output_bytes,
            rejected_connections=counters.rejected,
            pubsub_channels=len(server.subscribers),
            pubsub_patterns=len(server.pattern_subscribers),
            total_error_replies=counters.errors,
            acl_access_denied_auth=counters.denied_auth,
            acl_access_denied_cmd=counters.denied_command,
            acl_access_denied_channel=counters.denied_channel,
        )

    def _of_processors(self) -> str:
        own, children, thread = (
            resource.getrusage(who)
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN, resource.RUSAGE_THREAD)
        )
        return _lines(
            used_cpu_sys=f"{own.ru_stime:.6f}",
            used_cpu_user=f"{own.ru_utime:.6f}",
            used_cpu_sys_children=f"{children.ru_stime:.6f}",
            used_cpu_user_children=f"{children.ru_utime:.6f}",
            used_cpu_sys_main_thread=f"{thread.ru_stime:.6f}",
            used_cpu_user_main_thread=f"{thread.ru_utime:.6f}",
        )


def _title(name: str) -> str:
    return "CPU" if name == "cpu" else name.capitalize()


def _lines(**facts: object) -> str:
    return "".join(f"{name}:{value}\r\n" for name, value in facts.items())
