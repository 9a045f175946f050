"""Who may read and who may act: tokens, compared in constant time."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from garrison.cluster.errors import UsageProblem

TOKEN_CHARACTERS_MIN = 16
TOKEN_CHARACTERS_MAX = 1_024
TOKENS_MAX = 64
READ_TOKEN_VARIABLE = "GARRISON_MANAGER_READ_TOKEN"
Right = Literal["none", "read", "act"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name of the token, and what it may do."""

    name: str
    right: Right


@dataclass(frozen=True, slots=True)
class Token:
    """A token's name, right and digest; the token itself is not kept."""

    name: str
    right: Right
    digest: bytes


class Tokens:
    """All tokens. Without any, whoever reaches this (loopback only) may act."""

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        self._tokens = tuple(tokens)

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def caller(self, authorization: str) -> Caller:
        """Who sent this header. Every token is compared, so that time tells nothing."""
        if not self._tokens:
            return Caller("local", "act")
        scheme, _, given = authorization.partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else ""
        digest = digest_of(given[:TOKEN_CHARACTERS_MAX])
        found = Caller("", "none")
        for token in self._tokens:
            if hmac.compare_digest(token.digest, digest):
                found = Caller(token.name, token.right)
        return found


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def read_tokens(path: Path, right: Right) -> list[Token]:
    """Read a file of tokens: one a line, or `name token`. UsageProblem, which never shows a token."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"cannot read the tokens: {error}") from error
    tokens = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2:
            raise UsageProblem(f"{path}, line {number}: write TOKEN, or NAME TOKEN")
        name, token = words if len(words) == 2 else (path.stem, words[0])
        _demand_good(token, f"{path}, line {number}")
        tokens.append(Token(name, right, digest_of(token)))
    if not tokens or len(tokens) > TOKENS_MAX:
        raise UsageProblem(f"{path} has {len(tokens)} tokens; 1 to {TOKENS_MAX} are possible")
    return tokens


def tokens_of_variable(variable: str, right: Right, environment: Mapping[str, str]) -> list[Token]:
    """The token of an environment variable, named `environment`; none if it is empty or not set.

    UsageProblem, which never shows the token.
    """
    token = environment.get(variable, "").strip()
    if not token:
        return []
    _demand_good(token, f"the variable {variable}")
    return [Token("environment", right, digest_of(token))]


def _demand_good(token: str, where: str) -> None:
    is_visible = all("!" <= letter <= "~" for letter in token)
    if is_visible and TOKEN_CHARACTERS_MIN <= len(token) <= TOKEN_CHARACTERS_MAX:
        return
    raise UsageProblem(
        f"{where}: a token has {TOKEN_CHARACTERS_MIN} to {TOKEN_CHARACTERS_MAX} ASCII characters without "
        "spaces; 'openssl rand -hex 32' makes one"
    )
