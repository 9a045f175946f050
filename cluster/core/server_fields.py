"""What a server says of itself in INFO, where Redis, Valkey and Garrison have different names for it."""

from collections.abc import Mapping


def server_mode(info: Mapping[str, str]) -> str:
    """What it serves as: standalone, cluster or sentinel; empty where INFO does not say.

    >>> server_mode({"redis_mode": "cluster"}), server_mode({"server_mode": "sentinel"})
    ('cluster', 'sentinel')
    """
    return info.get("redis_mode") or info.get("server_mode", "")


def server_version(info: Mapping[str, str]) -> str:
    """The version of the program itself, not that of the Redis that it says to be like.

    >>> server_version({"redis_version": "7.2.4", "valkey_version": "9.1.2"})
    '9.1.2'
    """
    return info.get("garrison_version") or info.get("valkey_version") or info.get("redis_version", "")
