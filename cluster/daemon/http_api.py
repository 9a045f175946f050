"""The HTTP API of the manager: one table of routes, from which the OpenAPI document is made too.

BACKGROUND  docs/manager-reference.md describes it for people. Each route says who may call it and which
            documents go in and out; nothing else in this package knows of HTTP methods and paths.
INVARIANTS  No answer without the right that its route needs. Errors are a :class:`Refusal`, and never show
            what a token was or a traceback. A body needs the media type JSON or YAML, which another site's
            form cannot send; a request without one rests on what the guard asks of a browser's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from garrison.cluster.core.manager import requests as asked
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import AuditEntry, Job, Plan
from garrison.cluster.core.manager.picture import NotableKey, Picture, SlowCommand
from garrison.cluster.core.manager.series import MINUTES_MAX, Series
from garrison.cluster.core.manager.status import KeySearch, ManagerStatus, Refusal, ReshardRequest
from garrison.cluster.daemon.desk import Desk, NotPossibleError
from garrison.cluster.daemon.http_tokens import Caller, Right, Tokens
from garrison.cluster.web.assets import HEADERS, assets

AUDIT_SHOWN_MAX = 1_000
FIND_CHARACTERS_MAX = 200
JSON_TYPES = frozenset({"application/json"})
YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})
ERRORS_SHOWN_MAX = 32
logger = logging.getLogger("garrison.manager")

Result = BaseModel | list[Any] | tuple[Any, ...] | Response
Handler = Callable[["Call"], Awaitable[Result]]
Sent = TypeVar("Sent", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    """One request that may be answered."""

    desk: Desk
    caller: Caller
    http: HttpRequest

    @property
    def origin(self) -> str:
        """The address that the request came from: behind a proxy, the proxy's."""
        return self.http.client.host if self.http.client else ""

    def word(self, name: str) -> str:
        return str(self.http.path_params[name])

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number of the query. NotPossibleError 422 unless it lies between the bounds."""
        text = self.http.query_params.get(name, str(default))
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
            raise NotPossibleError(422, f"{name} is a whole number from {least} to {most}", path=name)
        return int(text)

    def media_type(self, possible: frozenset[str]) -> str:
        """The media type of the body. NotPossibleError 415 unless it is one of these."""
        kind = self.http.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in possible:
            raise NotPossibleError(415, f"Content-Type must be one of: {', '.join(sorted(possible))}")
        return kind

    async def document(self, model: type[Sent]) -> Sent:
        """The body as a document. NotPossibleError 400 or 415; ValidationError."""
        self.media_type(JSON_TYPES)
        body = await self.http.body()
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                raise NotPossibleError(400, f"the body is not JSON: {error.errors()[0]['msg']}") from error
            raise


@dataclass(frozen=True)
class ApiRoute:
    """A line of the table."""

    method: str
    path: str
    right: Right
    handler: Handler
    answer: Any
    summary: str
    body: type[BaseModel] | None = None
    query: tuple[tuple[str, dict[str, Any]], ...] = ()
    also_yaml: bool = False


# What each route does.


async def get_picture(call: Call) -> Result:
    shown = call.desk.shown
    text = shown.for_actors if call.caller.right == "act" else shown.for_readers
    return Response(text, media_type="application/json")


async def get_status(call: Call) -> Result:
    return call.desk.status()


async def get_series(call: Call) -> Result:
    return call.desk.last_minutes(call.whole("minutes", MINUTES_MAX, 1, MINUTES_MAX))


async def get_desired(call: Call) -> Result:
    return call.desk.desired


async def put_desired(call: Call) -> Result:
    kind = call.media_type(JSON_TYPES | YAML_TYPES)
    desired = call.desk.read_desired(await call.http.body(), is_json=kind in JSON_TYPES)
    plan = call.desk.plan_for(desired)
    if not call.whole("dry_run", 0, 0, 1):
        text = desired.model_dump_json()
        await call.desk.ask(lambda ticket: asked.Apply(call.caller.name, ticket, text, origin=call.origin))
        plan = call.desk.plan_for(call.desk.desired)
    return plan


async def get_plan(call: Call) -> Result:
    return call.desk.plan()


async def consent(call: Call) -> Result:
    plan_id = call.word("id")
    await call.desk.ask(lambda ticket: asked.Consent(call.caller.name, ticket, plan_id, origin=call.origin))
    return call.desk.plan()


async def reshard(call: Call) -> Result:
    return call.desk.offer_reshard(await call.document(ReshardRequest))


async def get_jobs(call: Call) -> Result:
    return call.desk.jobs()


async def get_job(call: Call) -> Result:
    return call.desk.job(call.word("id"))


async def stop_job(call: Call) -> Result:
    job = call.desk.job(call.word("id"))
    await call.desk.ask(lambda ticket: asked.StopJob(call.caller.name, ticket, job.id, origin=call.origin))
    return call.desk.job(job.id)


async def resume_job(call: Call) -> Result:
    job = call.desk.job(call.word("id"))
    await call.desk.ask(lambda ticket: asked.ResumeJob(call.caller.name, ticket, job.id, origin=call.origin))
    return call.desk.job(job.id)


Plain = type[asked.Pause | asked.Resume | asked.Undo | asked.Adopt | asked.StartAnew]
"""Requests that say nothing but who asks."""


def _plain(request: Plain) -> Handler:
    async def carry_out(call: Call) -> Result:
        await call.desk.ask(lambda ticket: request(call.caller.name, ticket, origin=call.origin))
        return call.desk.status()

    return carry_out


async def get_audit(call: Call) -> Result:
    find = call.http.query_params.get("find", "")
    if len(find) > FIND_CHARACTERS_MAX:
        raise NotPossibleError(422, f"find has at most {FIND_CHARACTERS_MAX} characters", path="find")
    return call.desk.history(call.whole("limit", 100, 1, AUDIT_SHOWN_MAX), find.split())


async def get_slow(call: Call) -> Result:
    return call.desk.slow(call.http.query_params.get("node", ""))


async def search_keys(call: Call) -> Result:
    return await call.desk.search_keys(await call.document(KeySearch))


WHOLE = {"type": "integer", "minimum": 0}
ROUTES = (
    ApiRoute("GET", "/api/picture", "read", get_picture, Picture, "The whole deployment."),
    ApiRoute("GET", "/api/status", "read", get_status, ManagerStatus, "This manager."),
    ApiRoute(
        "GET",
        "/api/series",
        "read",
        get_series,
        Series,
        "The figures of the last minutes.",
        query=(("minutes", {**WHOLE, "minimum": 1, "maximum": MINUTES_MAX}),),
    ),
    ApiRoute("GET", "/api/desired", "read", get_desired, DesiredState, "The desired state."),
    ApiRoute(
        "PUT",
        "/api/desired",
        "act",
        put_desired,
        Plan,
        "Make this the desired state.",
        body=DesiredState,
        query=(("dry_run", {**WHOLE, "maximum": 1}),),
        also_yaml=True,
    ),
    ApiRoute("GET", "/api/plan", "read", get_plan, Plan, "What would be done now."),
    ApiRoute("POST", "/api/plan/{id}/consent", "act", consent, Plan, "Carry out what that plan shows."),
    ApiRoute(
        "POST",
        "/api/reshard",
        "act",
        reshard,
        Plan,
        "Plan a move of slots; run it by consent.",
        body=ReshardRequest,
    ),
    ApiRoute("GET", "/api/jobs", "read", get_jobs, list[Job], "Open jobs and the newest ended ones."),
    ApiRoute("GET", "/api/jobs/{id}", "read", get_job, Job, "One job."),
    ApiRoute("POST", "/api/jobs/{id}/stop", "act", stop_job, Job, "Stop it at the next safe moment."),
    ApiRoute("POST", "/api/jobs/{id}/resume", "act", resume_job, Job, "Go on with it."),
    ApiRoute("POST", "/api/pause", "act", _plain(asked.Pause), ManagerStatus, "Begin nothing."),
    ApiRoute("POST", "/api/resume", "act", _plain(asked.Resume), ManagerStatus, "End a pause."),
    ApiRoute("POST", "/api/undo", "act", _plain(asked.Undo), ManagerStatus, "Take back the newest wish."),
    ApiRoute(
        "POST",
        "/api/records/adopt",
        "act",
        _plain(asked.Adopt),
        ManagerStatus,
        "Go on with the newest records that can be read, when those of a majority cannot.",
    ),
    ApiRoute(
        "POST",
        "/api/records/start-anew",
        "act",
        _plain(asked.StartAnew),
        ManagerStatus,
        "Go on with empty records, when those of a majority cannot be read.",
    ),
    ApiRoute(
        "GET",
        "/api/audit",
        "read",
        get_audit,
        list[AuditEntry],
        "Who asked for what, what it led to, and how jobs ended; newest first.",
        query=(
            ("limit", {**WHOLE, "minimum": 1, "maximum": AUDIT_SHOWN_MAX}),
            ("find", {"type": "string", "maxLength": FIND_CHARACTERS_MAX}),
        ),
    ),
    ApiRoute(
        "GET",
        "/api/slow",
        "read",
        get_slow,
        list[SlowCommand],
        "Slow commands.",
        query=(("node", {"type": "string"}),),
    ),
    ApiRoute(
        "POST",
        "/api/keys/search",
        "act",
        search_keys,
        list[NotableKey],
        "Look for big or hot keys.",
        body=KeySearch,
    ),
)


# The application.


def make_app(desk: Desk, tokens: Tokens, more: list[BaseRoute]) -> Starlette:
    """The application without its guard. `more` are routes that stand for themselves."""
    routes: list[BaseRoute] = [
        Route(line.path, _endpoint(line, desk, tokens), methods=[line.method]) for line in ROUTES
    ]
    routes += [*more, Route("/{path:path}", show_page, methods=["GET"])]
    handlers: Any = {
        NotPossibleError: _answer_not_possible,
        ValidationError: _answer_invalid,
        HTTPException: _answer_http,
        Exception: _answer_failure,
    }
    return Starlette(routes=routes, exception_handlers=handlers)


async def show_page(http: HttpRequest) -> Response:
    """A file of the page: one of a closed list, whatever the path spells."""
    asset = assets().get(http.path_params["path"])
    if asset is None:
        raise HTTPException(404)
    return Response(asset.content, media_type=asset.media_type, headers=dict(HEADERS))


def demand_right(tokens: Tokens, http: HttpRequest, right: Right) -> Caller:
    """Who calls. NotPossibleError 401 or 403."""
    caller = tokens.caller(http.headers.get("authorization", ""))
    if caller.right == "none":
        raise NotPossibleError(401, "a token is needed: Authorization: Bearer TOKEN")
    if right == "act" and caller.right != "act":
        raise NotPossibleError(403, "this token may only read")
    return caller


def _endpoint(line: ApiRoute, desk: Desk, tokens: Tokens) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def answer(http: HttpRequest) -> Response:
        caller = demand_right(tokens, http, line.right)
        result = await line.handler(Call(desk, caller, http))
        return result if isinstance(result, Response) else document_response(result)

    return answer


def document_response(result: BaseModel | list[Any] | tuple[Any, ...]) -> Response:
    if isinstance(result, BaseModel):
        text = result.model_dump_json()
    else:
        text = "[" + ",".join(each.model_dump_json() for each in result) + "]"
    return Response(text, media_type="application/json", headers={"cache-control": "no-store"})


def refusal_response(status: int, refusal: Refusal) -> Response:
    body = refusal.model_dump(exclude_defaults=True) | {"error": refusal.error, "path": refusal.path}
    headers = {"cache-control": "no-store"}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status == 429:
        headers["retry-after"] = "1"
    return JSONResponse(body, status, headers)


async def _answer_not_possible(http: HttpRequest, error: NotPossibleError) -> Response:
    refusal = Refusal(error=str(error), path=error.path, leader=error.leader, errors=error.errors)
    return refusal_response(error.status, refusal)


async def _answer_invalid(http: HttpRequest, error: ValidationError) -> Response:
    found = tuple(
        Refusal(error=each["msg"], path=".".join(map(str, each["loc"])))
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    )
    first = found[0]
    return refusal_response(422, first.model_copy(update={"errors": found[:ERRORS_SHOWN_MAX]}))


async def _answer_http(http: HttpRequest, error: HTTPException) -> Response:
    texts = {404: "there is nothing here", 405: "this method is not possible here"}
    response = refusal_response(
        error.status_code, Refusal(error=texts.get(error.status_code, str(error.detail)))
    )
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


async def _answer_failure(http: HttpRequest, error: Exception) -> Response:
    if not isinstance(error, asyncio.CancelledError):
        logger.error("%s %s failed", http.method, http.url.path, exc_info=error)
    return refusal_response(500, Refusal(error="the manager failed to answer; its log says why"))
