"""SUBSCRIBE and its family."""

from __future__ import annotations

from garrison.base.reply import encode
from garrison.sentinel.server.clients import Client
from garrison.sentinel.server.server import Server

PUT = object()
"""The handler has put its replies itself: one for each channel."""

SUBSCRIPTIONS_MAX = 10_000
"""Channels and patterns of one client."""


def push(client: Client, *items: object) -> None:
    """A message that is not a reply: an array in RESP2, a push in RESP3."""
    data = encode(list(items), client.protocol)
    client.put(data if client.protocol == 2 else b">" + data[1:])


def _subscribe(server: Server, client: Client, argv: list[bytes]) -> object:
    is_pattern = argv[0].lower() == b"psubscribe"
    for name in argv[1:]:
        if client.subscriptions >= SUBSCRIPTIONS_MAX:
            server.log.warning(f"Client {client.address} has {SUBSCRIPTIONS_MAX} subscriptions: closed")
            client.abort()
            break
        server.subscribe(client, name, is_pattern=is_pattern)
        push(client, argv[0].lower(), name, client.subscriptions)
    return PUT


def _unsubscribe(server: Server, client: Client, argv: list[bytes]) -> object:
    is_pattern = argv[0].lower() == b"punsubscribe"
    names = argv[1:] or sorted(client.patterns if is_pattern else client.channels)
    for name in names:
        server.unsubscribe(client, name, is_pattern=is_pattern)
        push(client, argv[0].lower(), name, client.subscriptions)
    if not names:
        push(client, argv[0].lower(), None, client.subscriptions)
    return PUT


HANDLERS = {
    "subscribe": _subscribe,
    "psubscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "punsubscribe": _unsubscribe,
}
