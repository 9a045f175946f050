"""Which calls of a batch carry a script's source."""

from __future__ import annotations

from garrison.client.core.commands import Retry, command
from garrison.client.execution import Call
from garrison.client.script_call import ScriptCall, sources_first


def call_of(digest: str, slot: int) -> ScriptCall:
    words = (1, b"key")
    return ScriptCall(command("EVALSHA"), command("EVAL"), Retry.ONCE, slot, digest, b"source", words)


def test_a_call_has_digest_or_source() -> None:
    call = call_of("abc", 7)
    assert call.packed == b"*4\r\n$7\r\nEVALSHA\r\n$3\r\nabc\r\n$1\r\n1\r\n$3\r\nkey\r\n"
    whole = call.with_source()
    assert whole.packed == b"*4\r\n$4\r\nEVAL\r\n$6\r\nsource\r\n$1\r\n1\r\n$3\r\nkey\r\n"
    assert (whole.name, whole.retry, whole.slot) == (b"EVAL", Retry.ONCE, 7)
    assert whole.with_source() is None


def test_the_first_call_to_each_node_carries_the_source() -> None:
    plain = Call(b"GET", Retry.READ, 1, b"")
    calls = [plain, call_of("a", 1), call_of("a", 2), call_of("b", 1), call_of("a", 101), call_of("b", 101)]
    chosen = sources_first(calls, lambda call: call.slot // 100)
    assert chosen[0] is plain
    assert [call.name for call in chosen[1:]] == [b"EVAL", b"EVALSHA", b"EVAL", b"EVAL", b"EVAL"]
    assert sources_first([plain], lambda call: call.slot) == [plain]
