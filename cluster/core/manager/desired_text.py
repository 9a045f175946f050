"""Read a desired state from text: YAML or JSON in, a DesiredState or refusals with paths out.

BACKGROUND  The text comes from a person, or from anybody who reaches the HTTP API. YAML has traps: anchors
            that expand to gigabytes, words that become other things (``12:30`` a number, ``no`` a false,
            ``7.20`` the number 7.2), a key that silently replaces an equal one before it.
INVARIANTS  A plain value stays the text that it is; the document's own types say what it means. Aliases,
            tags, a second document and an equal key are refused. Size and depth are bounded before anything
            is built.
BEHAVIOUR   Every refusal has a path and says what to do, without a word of the libraries underneath.
"""

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.holding import Refusal, refusals
from garrison.cluster.core.printable import printable

REFERENCE = "docs/manager-reference.md"
DESIRED_BYTES_MAX = 262_144
DEPTH_MAX = 12
VALUES_MAX = 50_000
REFUSALS_MAX = 50
SHOWN_LETTERS_MAX = 60
NULLS = ("~", "null", "Null", "NULL")

Path = tuple[str | int, ...]


class _RefusedError(Exception):
    """Carries a refusal out of the depth of a document."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(_joined(path), reason)


def load_desired(text: str | bytes) -> DesiredState | tuple[Refusal, ...]:
    """The desired state in a text, or why it is refused: one refusal at least, `REFUSALS_MAX` at most.

    A state that comes out holds by itself (`holding.refusals`); whether it does in a deployment is
    `holding.refusals_in`.
    """
    try:
        tree = _tree(text)
    except _RefusedError as error:
        return (error.refusal,)
    tree = {} if tree in (None, "") else tree
    if not isinstance(tree, dict):
        return (Refusal("", f"a desired state is made of lines such as `shards: 3`; see {REFERENCE}"),)
    try:
        desired = DesiredState.model_validate(tree)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True, include_input=True)
        return tuple(Refusal(_joined(each["loc"]), _reason(each)) for each in found[:REFUSALS_MAX])
    return refusals(desired)[:REFUSALS_MAX] or desired


def _tree(text: str | bytes) -> object:
    data = text.encode(errors="replace") if isinstance(text, str) else text
    if len(data) > DESIRED_BYTES_MAX:
        reason = f"the document has {len(data)} bytes; at most {DESIRED_BYTES_MAX} are read"
        raise _RefusedError((), reason)
    try:
        words = data.decode()
    except UnicodeDecodeError as error:
        raise _RefusedError((), f"byte {error.start} is not UTF-8; save the document as UTF-8") from None
    try:
        if words.lstrip().startswith("{"):
            return _json(words)
        return _yaml(words)
    except RecursionError:
        raise _RefusedError((), f"it is nested deeper than {DEPTH_MAX}; no part needs that") from None


def _json(words: str) -> object:
    """JSON; what only YAML can read (as `{shards: 3}`) is tried as YAML."""
    try:
        tree = json.loads(
            words, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_unique
        )
    except json.JSONDecodeError:
        return _yaml(words)
    return _as_text(tree, ())


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise _RefusedError((name,), "stands there twice; leave one out")
        found[name] = value
    return found


def _as_text(value: object, path: Path) -> object:
    """Truth values as the words that YAML gives."""
    if len(path) > DEPTH_MAX:
        raise _RefusedError(path, f"is nested deeper than {DEPTH_MAX}; no part needs that")
    if isinstance(value, dict):
        return {name: _as_text(part, (*path, name)) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_text(part, (*path, index)) for index, part in enumerate(value)]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _yaml(words: str) -> object:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _bound(yaml.parse(words, Loader=loader))
        node = yaml.compose(words, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _RefusedError((), f"{where}{error.problem or 'it is not YAML'}; correct it") from None
    except yaml.YAMLError:
        raise _RefusedError((), "it has characters that YAML forbids; remove them") from None
    return None if node is None else _value(node, ())


def _bound(events: Iterator[Any]) -> None:
    """Refuse what would grow, before it is built."""
    depth = documents = values = 0
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _RefusedError((), f"line {line}: anchors and aliases are not read; write the part out")
        if getattr(event, "tag", None):
            raise _RefusedError(
                (), f"line {line}: tags such as {event.tag[:20]!a} are not read; leave it out"
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        values += isinstance(event, yaml.NodeEvent)
        if depth > DEPTH_MAX:
            raise _RefusedError((), f"line {line}: nested deeper than {DEPTH_MAX}; no part needs that")
        if documents > 1:
            raise _RefusedError((), f"line {line}: a second document begins; write one")
        if values > VALUES_MAX:
            raise _RefusedError((), f"it has more than {VALUES_MAX} values; leave out nodes without wishes")


def _value(node: yaml.Node, path: Path) -> object:
    """A node as mappings, lists and texts. A plain `null` is None; a name with nothing behind it is left
    out.
    """
    if isinstance(node, yaml.MappingNode):
        found: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                raise _RefusedError(path, f"line {line}: the name of a part must be a word")
            name = str(key.value)
            if name in found:
                line = key.start_mark.line + 1
                raise _RefusedError((*path, name), f"line {line}: it stands there twice; leave one out")
            if not (isinstance(value, yaml.ScalarNode) and not value.style and not value.value):
                found[name] = _value(value, (*path, name))
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(value, (*path, index)) for index, value in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    return None if not node.style and node.value in NULLS else node.value


def _reason(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    shown = _shown(error["input"])
    match kind:
        case "extra_forbidden":
            return _unknown_word(error["loc"])
        case "greater_than":
            return f"{shown} is too small; write more than {context['gt']:.12g}"
        case "greater_than_equal":
            return f"{shown} is too small; write {context['ge']:.12g} or more"
        case "less_than_equal":
            return f"{shown} is too large; write {context['le']:.12g} or less"
        case "literal_error" | "enum":
            return f"{shown} is not known here; write one of {context['expected']}"
        case "string_too_short":
            return "it is empty; write something, or leave it out"
        case "value_error":
            return str(context["error"])
    if kind.startswith(("int", "float", "finite")):
        return f"{shown} is not a number that can stand here; write one as 3"
    if kind.startswith("time"):
        return f"{shown} is not a time of day; write HH:MM, as 02:30"
    if kind.startswith("bool"):
        return f"{shown} is neither true nor false; write one of them"
    if kind.startswith("string"):
        return f"{shown} is not a text; write one, in quotes if need be"
    if kind.startswith(("tuple", "list")):
        return f"{shown} is not a list; write each entry on a line of its own, after a dash"
    if kind.startswith(("dict", "model")):
        return f"{shown} is not a part with names; write lines such as `name: value` under it"
    return f"{shown} cannot stand here; see {REFERENCE}"


def _unknown_word(path: Path) -> str:
    known = sorted(_fields_at(path[:-1]))
    near = get_close_matches(str(path[-1]), known, 1)
    if near:
        return f"there is no such word; did you mean {near[0]}?"
    return f"there is no such word; known here are {', '.join(known)}"


def _fields_at(path: Path) -> list[str]:
    """The words of the part at a path."""
    at: Any = DesiredState
    for word in path:
        if isinstance(at, type) and issubclass(at, BaseModel):
            at = at.model_fields[str(word)].annotation
        elif get_origin(at) in (dict, tuple):
            at = get_args(at)[1 if get_origin(at) is dict else 0]
    if get_origin(at) in (dict, tuple):
        at = get_args(at)[1 if get_origin(at) is dict else 0]
    return list(at.model_fields) if isinstance(at, type) and issubclass(at, BaseModel) else []


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a part with names"
    text = str(value)
    return repr(text if len(text) <= SHOWN_LETTERS_MAX else text[:SHOWN_LETTERS_MAX] + "...")


def _joined(path: Path) -> str:
    return printable(".".join(str(word) for word in path))
