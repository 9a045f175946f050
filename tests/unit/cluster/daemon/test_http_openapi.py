"""The OpenAPI document, and what schemathesis makes of it against the application."""

from __future__ import annotations

import ast
import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from garrison.cluster.daemon.http_api import ROUTES
from garrison.cluster.daemon.http_limits import App, HttpLimits
from garrison.cluster.daemon.http_openapi import REFUSALS, make_document
from tests.sources import parsed
from tests.unit.cluster.daemon.desks import ACT, make_desk, site_on

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

EXAMPLES = 6


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def test_document_names_every_status_of_a_refusal(root: Path) -> None:
    """405 is for methods that are in no operation."""
    sources = [*(root / "cluster" / "daemon").glob("http_*.py"), root / "cluster" / "daemon" / "desk.py"]
    used = {
        str(each.value)
        for path in sources
        for each in ast.walk(parsed(path))
        if isinstance(each, ast.Constant) and type(each.value) is int and 400 <= each.value <= 505
    }
    assert used - {"405"} == set(REFUSALS)


def test_document_names_every_route_and_resolves() -> None:
    document = make_document()
    assert {(line.path, line.method.lower()) for line in ROUTES} <= {
        (path, method) for path, methods in document["paths"].items() for method in methods
    }
    names = {name.rpartition("/")[2] for name in references(document)}
    assert names <= set(document["components"]["schemas"])


def test_time_of_day_has_no_offset() -> None:
    """The format `time` demands one, which the manager refuses."""
    window = make_document()["components"]["schemas"]["Window"]["properties"]
    assert {window[name]["format"] for name in ("begins", "ends")} == {"time-local"}


schema = schemathesis.openapi.from_dict(make_document())


def operations() -> list[Any]:
    results: list[Any] = list(schema.get_all_operations())
    found = [result.ok() for result in results]
    return [operation for operation in found if operation.path != "/api/events"]


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.label)
def test_no_request_breaks_the_manager(operation: Any) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        answer = runner.run(send(site, case))
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        if answer.status_code == 200 and answer.headers["content-type"] == "application/json":
            operation.validate_response(schemathesis.Response.from_httpx(answer, verify=False))
        elif answer.status_code >= 400 and case.path.startswith("/api"):
            assert answer.json()["error"]

    with asyncio.Runner() as runner:
        site = site_on(runner.run(make_desk(limits=HttpLimits(requests_burst_max=1_000))))
        check()


async def send(site: App, case: Any) -> httpx.Response:
    transport = httpx.ASGITransport(site)  # type: ignore[arg-type]
    words = case.as_transport_kwargs(base_url="http://127.0.0.1:7380")
    words.pop("cookies", None)
    headers = {
        name: value
        for name, value in dict(words.pop("headers", {})).items()
        if name.lower() not in ("host", "user-agent", "content-length")
    }
    headers["Authorization"] = f"Bearer {ACT}"
    body = {name: words[name] for name in ("json", "data") if words.get(name) is not None}
    if isinstance(body.get("data"), bytes | str):
        body["content"] = body.pop("data")
    async with httpx.AsyncClient(transport=transport) as client:
        return await client.request(
            words["method"], words["url"], params=words.get("params"), headers=headers, **body
        )
