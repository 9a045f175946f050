"""rediss:// against a real TLS server with a certificate made for the test."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from garrison.client import connect
from garrison.client.errors import ConnectionFailedError


@pytest.fixture
async def tls_server(tmp_path: Path) -> AsyncIterator[tuple[int, Path]]:
    """A server that answers every command with its own name; gives its port and its certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: it makes the certificate of this test")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += [
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(b"-ERR unknown command\r\n" * data.count(b"*"))
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], certificate


async def test_rediss_speaks_tls_and_checks_the_certificate(tls_server: tuple[int, Path]) -> None:
    port, certificate = tls_server
    context = ssl.create_default_context(cafile=str(certificate))
    async with await connect(f"rediss://127.0.0.1:{port}", ssl=context) as client:
        assert not client.is_cluster
    with pytest.raises(ConnectionFailedError, match="certificate"):
        await connect(f"rediss://127.0.0.1:{port}")


async def test_sentinels_are_spoken_to_in_tls_as_the_url_says(tls_server: tuple[int, Path]) -> None:
    port, certificate = tls_server
    context = ssl.create_default_context(cafile=str(certificate))
    url = f"sentinels://127.0.0.1:{port}/orders"
    for said in (url, f"sentinel://127.0.0.1:{port}/orders?sentinel_tls=yes"):
        with pytest.raises(ConnectionFailedError, match="it is not a Sentinel"):
            await connect(said, ssl=context)
    with pytest.raises(ConnectionFailedError, match="certificate"):
        await connect(url)
    with pytest.raises(ConnectionFailedError, match=f"cannot connect to 127.0.0.1:{port}"):
        await connect(f"{url}?sentinel_tls=no", ssl=context)


async def test_plain_bytes_to_a_tls_port_say_what_to_check(tls_server: tuple[int, Path]) -> None:
    port, _ = tls_server
    with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{port}"):
        await connect(f"redis://127.0.0.1:{port}", connect_timeout_s=1)
