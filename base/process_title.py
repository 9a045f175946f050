"""What `ps` shows of a process: its command line without the passwords that stand on it.

A password belongs into the environment, a file or a prompt; who puts it on the command line all the same must
not show it to every user of the machine. The words are hidden as soon as the command runs, which is some
hundredths of a second after the process was started: until then `ps` shows them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence

HIDDEN = "***"
_OPTION_WITH_SECRET = re.compile(r"--[\w-]*(?<!ask)(?:pass|password|auth|secret)", re.IGNORECASE)
_LOGIN_WORDS = {"auth": 2, "auth2": 2, "requirepass": 1, "masterauth": 1, "primaryauth": 1}
"""Words of commands, with how many behind them may be a user name or a password."""
_URL_LOGIN = re.compile(r"(\w://[^:/@]*):.*@")
_ACL_PASSWORD = re.compile(r"(^|^\(|^\(.*? )([><#!]).+", re.DOTALL)
"""At the start of a rule, or in a selector, with all that follows."""
BAD_TEMPLATE = "template format is invalid or contains unknown variables"
_VARIABLE = re.compile(r"\{(?:\{|([^{}]*)\})")
_SHORT_OPTION = re.compile(r"-a.+", re.DOTALL)


def masked_words(words: Iterable[str]) -> list[str]:
    """The words of a command line with ``***`` in the place of everything that may be a password."""
    shown: list[str] = []
    hidden_words = 0
    for word in words:
        if hidden_words and not word.startswith("--"):
            hidden_words -= 1
            shown.append(HIDDEN)
            continue
        name, equals, value = word.partition("=")
        if equals and value and _OPTION_WITH_SECRET.fullmatch(name):
            hidden_words = 0
            shown.append(f"{name}={HIDDEN}")
            continue
        hidden_words = _words_to_hide(word, shown)
        shown.append(f"-a{HIDDEN}" if _SHORT_OPTION.fullmatch(word) else masked_word(word))
    return shown


def masked_word(word: str) -> str:
    """One word without the password of a URL or of an ACL rule in it."""
    word = _ACL_PASSWORD.sub(rf"\1\2{HIDDEN}", word)
    return _URL_LOGIN.sub(rf"\1:{HIDDEN}@", word)


def _words_to_hide(word: str, before: Sequence[str]) -> int:
    """How many of the words that follow may be passwords; `before` are those that stood before."""
    if word == "-a" or _OPTION_WITH_SECRET.fullmatch(word):
        return 1
    if len(before) > 1 and before[-1].lower() in ("auth-pass", "sentinel-pass"):
        return 1  # `--sentinel auth-pass NAME PASSWORD`: the word now is the name.
    return _LOGIN_WORDS.get(word.lower(), 0)


def expand_template(template: str, values: Mapping[str, str]) -> str:
    """A title from a template such as ``{title} {listen-addr}``; ``{{`` stands for a brace.

    ValueError, with Redis's words, for a brace that stays open and for a variable that `values` has not.
    """
    parts, at = [], 0
    for found in _VARIABLE.finditer(template):
        parts.append(template[at : found.start()])
        at = found.end()
        name = found[1]
        if name is None:
            parts.append("{")
        elif name in values:
            parts.append(values[name])
        else:
            raise ValueError(BAD_TEMPLATE)
    rest = template[at:]
    if "{" in rest:
        raise ValueError(BAD_TEMPLATE)
    return "".join([*parts, rest]).rstrip()


def set_title(title: str) -> None:
    """Show this in the list of processes."""
    import setproctitle

    setproctitle.setproctitle(title)


def hide_passwords(words: Sequence[str] | None = None) -> None:
    """Hide what may be a password on this process's command line; leave one without any as it is."""
    given = sys.orig_argv if words is None else list(words)
    shown = masked_words(given)
    if shown != given:
        set_title(" ".join(shown))
