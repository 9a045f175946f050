"""The directives that a Sentinel keeps itself: what the configuration file must say for us to go on where
we are.

The text is that of redis-sentinel's files, so that either program starts on the file of the other. Values
that equal the default are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from garrison.sentinel.core.context import Context
from garrison.sentinel.core.instances import Primary
from garrison.sentinel.core.settings import SentinelSettings


def lines(context: Context) -> tuple[str, ...]:
    """All of them, in the order of the file."""
    return tuple(_lines(context))


def _lines(context: Context) -> Iterator[str]:
    settings = context.settings
    yield f"sentinel myid {context.my_id}"
    yield from _of_settings(settings)
    for primary in context.primaries.values():
        yield from _of_primary(context, primary)
    yield f"sentinel current-epoch {context.epoch}"


def _of_settings(settings: SentinelSettings) -> Iterator[str]:
    for name, value in (
        ("deny-scripts-reconfig", "" if settings.deny_scripts_reconfig else "no"),
        ("resolve-hostnames", "yes" if settings.resolve_hostnames else ""),
        ("announce-hostnames", "yes" if settings.announce_hostnames else ""),
        ("announce-ip", _quoted(settings.announce_ip)),
        ("announce-port", str(settings.announce_port or "")),
        ("sentinel-user", _quoted(settings.sentinel_user)),
        ("sentinel-pass", _quoted(settings.sentinel_pass)),
    ):
        if value:
            yield f"sentinel {name} {value}"


def _of_primary(context: Context, primary: Primary) -> Iterator[str]:
    monitor, name = primary.monitor, _quoted(primary.name)
    address = primary.current_address()
    yield f"sentinel monitor {name} {context.shown(address)} {address.port} {monitor.quorum}"
    for option, value, default in (
        ("down-after-milliseconds", monitor.down_after_ms, 30_000),
        ("failover-timeout", monitor.failover_timeout_ms, 180_000),
        ("parallel-syncs", monitor.parallel_syncs, 1),
        ("notification-script", _quoted(monitor.notification_script), ""),
        ("client-reconfig-script", _quoted(monitor.client_reconfig_script), ""),
        ("auth-pass", _quoted(monitor.auth_pass), ""),
        ("auth-user", _quoted(monitor.auth_user), ""),
        ("master-reboot-down-after-period", monitor.reboot_down_after_ms, 0),
    ):
        if value != default:
            yield f"sentinel {option} {name} {value}"
    for command, called in monitor.renamed.items():
        yield f"sentinel rename-command {name} {_quoted(command)} {_quoted(called)}"
    yield f"sentinel config-epoch {name} {primary.config_epoch}"
    yield f"sentinel leader-epoch {name} {primary.vote_epoch}"
    known = [replica.address for replica in primary.replicas.values()]
    if address != primary.address:
        known = [each for each in known if not context.same(each, address)] + [primary.address]
    for each in known:
        yield f"sentinel known-replica {name} {context.shown(each)} {each.port}"
    for peer in primary.peers.values():
        # Port 0 says that nobody knows where it is. It counts as a voter all the same.
        where = f"{context.shown(peer.address)} {peer.address.port}"
        yield f"sentinel known-sentinel {name} {where} {peer.run_id}"


def _quoted(text: str) -> str:
    """A value as one word of the file."""
    if text and all(character.isalnum() or character in "-_./:@+,=%*~!^<>|()[]{}" for character in text):
        return text
    if not text:
        return ""
    out = []
    for byte in text.encode("utf-8", "surrogateescape"):
        character = chr(byte)
        if character in '\\"':
            out.append("\\" + character)
        elif 32 <= byte < 127:
            out.append(character)
        else:
            out.append(f"\\x{byte:02x}")
    return '"' + "".join(out) + '"'
