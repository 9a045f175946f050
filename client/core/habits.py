"""What users of redis-py write out of habit, and how it is written here.

Where a habit can simply work, it works. What is listed here is refused, because it has another name or no
meaning here; the refusal says what to write instead.

>>> right_spelling("socket_timeout")
'write call_timeout_s=...'
>>> right_spelling("call_timeout_s") is None
True
>>> right_method("pubsub")
'write client.subscribe(...), psubscribe or ssubscribe'
"""

from __future__ import annotations

__all__ = ["right_method", "right_spelling"]

_NO_POOL = "leave it out: one client serves any number of tasks over one connection a node"
_TLS_CONTEXT = (
    "write rediss://... and ssl=ssl.create_default_context(...), which holds certificates and checks"
)
_HABITS = {
    "decode_responses": "write connect(url, decode=True)",
    "encoding": "leave it out: text is UTF-8, and decode=True keeps bytes that are not",
    "encoding_errors": "leave it out: decode=True keeps bytes that are not UTF-8 (surrogateescape)",
    "host": "write connect('redis://HOST:PORT')",
    "port": "write connect('redis://HOST:PORT')",
    "db": "write it in the URL, redis://host:port/3, or database=3",
    "unix_socket_path": "write connect('unix:///path/to/socket')",
    "socket_timeout": "write call_timeout_s=...",
    "timeout": "write call_timeout_s=...",
    "socket_connect_timeout": "write connect_timeout_s=...",
    "socket_keepalive": "leave it out: connections are kept alive; keepalive_idle_s says how often",
    "socket_keepalive_options": "leave it out: connections are kept alive; keepalive_idle_s says how often",
    "health_check_interval": "leave it out: a connection that is silent is noticed (reply_timeout_s)",
    "retry_on_timeout": "write retry='safe', 'always' or 'never'",
    "retry_on_error": "write retry='safe', 'always' or 'never'",
    "max_connections": _NO_POOL,
    "connection_pool": _NO_POOL,
    "single_connection_client": _NO_POOL,
    "startup_nodes": "write connect('redis://a:7000,b:7000') or connect([url, url])",
    "address_remap": "write address_map=...",
    "name": "write client_name=...",
    "service_name": "write connect('sentinel://host:port/NAME')",
    "sentinels": "write connect('sentinel://host:port,host:port/NAME')",
    "read_from_replicas": "leave it out: reading from replicas is not built yet",
    "ssl_ca_certs": _TLS_CONTEXT,
    "ssl_ca_path": _TLS_CONTEXT,
    "ssl_certfile": _TLS_CONTEXT,
    "ssl_keyfile": _TLS_CONTEXT,
    "ssl_cert_reqs": _TLS_CONTEXT,
    "ssl_check_hostname": _TLS_CONTEXT,
}


def right_spelling(option: str) -> str | None:
    """What to write instead of an option of redis-py; None when it is not one."""
    return _HABITS.get(option)


_METHODS = {
    "bf": "write client.bf_add(...), bf_exists and so on",
    "client": "write client.client_list() and the like",
    "cluster": "write client.cluster_info() and the like, or client.call('CLUSTER', ...)",
    "client_kill": "write client.client_kill_filter(addr=...)",
    "lock": "write garrison.client.recipes.Lock(client, name), which renews itself",
    "monitor": "write client.dedicated() and call('MONITOR') on it",
    "object": "write client.object_encoding(key), object_freq, object_idletime or object_refcount",
    "pubsub": "write client.subscribe(...), psubscribe or ssubscribe",
    "quit": "write client.close()",
    "scan": "write client.scan_iter(...)",
    "select": "write the database in the URL: redis://host:port/2",
    "unwatch": "write client.pipeline() and its watch(), or client.transaction(...)",
    "wait": "it counts what its own connection has written: write and call('WAIT') in client.dedicated(key)",
    "waitaof": "it counts what its own connection has written: use call('WAITAOF') in client.dedicated(key)",
    "watch": "write client.pipeline() and its watch(), or client.transaction(...)",
}


def right_method(name: str) -> str | None:
    """What to write instead of a method of redis-py; None when nothing is known."""
    return _METHODS.get(name)
