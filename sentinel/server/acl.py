"""Users of a Sentinel and their rules, in the language of Redis 7's ACL SETUSER.

A user has a root rule set and any number of selectors, `(...)`; a command may run if one of them allows
it with all its channels. No command of a Sentinel has keys, so patterns of keys are kept and shown and
decide nothing. Rules about commands are kept as they were written, without those that later ones have
replaced; that is what ACL LIST shows and files hold. (Redis 7.0 shows an equivalent list that it
computes; 7.2 shows ours.)"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from garrison.base import glob
from garrison.base.config_text import ConfigError, Line, lines_of
from garrison.base.process_title import masked_word
from garrison.base.value_types import quoted
from garrison.sentinel.server.command_table import CATEGORIES, COMMANDS, EVERY, members

USERS_MAX = 10_000
DEFAULT = "default"

_HASH = re.compile(r"[0-9a-f]{64}")
_BAD_HASH = (
    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
)
_UNKNOWN_COMMAND = "Unknown command or category name in ACL"


class RuleError(Exception):
    """A rule that cannot be; its text is Redis's."""


class RuleSet:
    """The permissions of one root or selector."""

    def __init__(self, all_channels: bool = False) -> None:
        self.commands: set[str] = set()
        self.rules: list[str] = ["-@all"]
        self.keys: list[str] = []
        self.channels: list[str] = ["*"] if all_channels else []

    def copy(self) -> RuleSet:
        twin = RuleSet()
        twin.commands, twin.rules = set(self.commands), list(self.rules)
        twin.keys, twin.channels = list(self.keys), list(self.channels)
        return twin

    def apply(self, rule: str) -> None:
        """Take one rule in. Raises RuleError."""
        lower = rule.lower()
        if lower in ("+@all", "allcommands"):
            self.commands, self.rules = set(EVERY), ["+@all"]
        elif lower in ("-@all", "nocommands"):
            self.commands, self.rules = set(), ["-@all"]
        elif lower in ("allkeys", "resetkeys"):
            self.keys = ["~*"] if lower == "allkeys" else []
        elif lower in ("allchannels", "resetchannels"):
            self.channels = ["*"] if lower == "allchannels" else []
        elif rule[:1] in ("~", "%"):
            self._add_key(rule)
        elif rule[:1] == "&":
            self._add_channel(rule[1:])
        elif rule[:1] in ("+", "-") and len(rule) > 1:
            self._add_commands(rule[0], lower[1:])
        else:
            raise RuleError("Syntax error")

    def _add_key(self, rule: str) -> None:
        if rule[0] == "%":
            permissions, tilde, _ = rule[1:].partition("~")
            if not tilde or not permissions or set(permissions.upper()) - set("RW"):
                raise RuleError("Syntax error")
            if set(permissions.upper()) == set("RW"):
                rule = "~" + rule.partition("~")[2]
            else:
                rule = f"%{permissions.upper()[0]}~{rule.partition('~')[2]}"
        if "~*" in self.keys and rule != "~*":
            raise RuleError(
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid "
                "and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
            )
        if rule == "~*":
            self.keys = []
        if rule not in self.keys:
            self.keys.append(rule)

    def _add_channel(self, pattern: str) -> None:
        if pattern == "*":
            self.channels = ["*"]
        elif self.channels == ["*"]:
            raise RuleError(
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid "
                "and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
            )
        elif pattern not in self.channels:
            self.channels.append(pattern)

    def _add_commands(self, sign: str, name: str) -> None:
        names = _named(name)
        self.commands = self.commands | names if sign == "+" else self.commands - names
        replaced = {name} | (names if not name.startswith("@") else set())
        self.rules = [rule for rule in self.rules[:1] if rule[1:] == "@all"] + [
            rule for rule in self.rules[1:] if rule[1:] not in replaced
        ]
        self.rules.append(sign + name)

    def may_run(self, command: str) -> bool:
        return command in self.commands

    def may_hear(self, channel: str, *, is_pattern: bool = False) -> bool:
        """Whether a channel may be used; a pattern must have been granted literally."""
        if "*" in self.channels:
            return True
        if is_pattern:
            return channel in self.channels
        return any(glob.matches(pattern, channel, exact=True) for pattern in self.channels)

    def describe(self) -> list[str]:
        channels = [f"&{pattern}" for pattern in self.channels]
        if self.channels != ["*"]:
            channels = ["resetchannels", *channels]
        return [*self.keys, *channels, *self.rules]


def _named(name: str) -> set[str]:
    """The full names of the commands that a rule is about. Raises RuleError."""
    if name.startswith("@"):
        if name[1:] not in CATEGORIES:
            raise RuleError(_UNKNOWN_COMMAND)
        return set(members(name[1:]))
    command = COMMANDS.get(name)
    if command is not None:
        return {name, *(member.name for member in command.subcommands.values())}
    if name not in EVERY:
        raise RuleError(_UNKNOWN_COMMAND)
    return {name}


class User:
    """One user. A new one is off, has no password and may do nothing."""

    def __init__(self, name: str, all_channels: bool = False) -> None:
        self.name = name
        self.on = self.nopass = False
        self.sanitize = ""
        self.passwords: list[str] = []
        self.root = RuleSet(all_channels)
        self.selectors: list[RuleSet] = []
        self._all_channels = all_channels

    def copy(self) -> User:
        twin = User(self.name, self._all_channels)
        twin.on, twin.nopass, twin.sanitize = self.on, self.nopass, self.sanitize
        twin.passwords, twin.root = list(self.passwords), self.root.copy()
        twin.selectors = [selector.copy() for selector in self.selectors]
        return twin

    def apply(self, rule: str) -> None:
        """Take one rule in. Raises RuleError."""
        lower = rule.lower()
        if lower in ("on", "off"):
            self.on = lower == "on"
        elif lower in ("nopass", "resetpass"):
            self.nopass, self.passwords = lower == "nopass", []
        elif lower in ("sanitize-payload", "skip-sanitize-payload"):
            self.sanitize = lower
        elif lower == "reset":
            fresh = User(self.name, self._all_channels)
            self.on = self.nopass = False
            self.passwords, self.root, self.selectors = [], fresh.root, []
            self.sanitize = "sanitize-payload"
        elif lower == "clearselectors":
            self.selectors = []
        elif rule[:1] in (">", "#", "<", "!"):
            self._password(rule[0], rule[1:])
        elif rule.startswith("(") and rule.endswith(")"):
            selector = RuleSet(self._all_channels)
            for inner in rule[1:-1].split():
                selector.apply(inner)
            self.selectors.append(selector)
        else:
            self.root.apply(rule)

    def _password(self, sign: str, text: str) -> None:
        digest = digest_of(text) if sign in "><" else text
        if not _HASH.fullmatch(digest):
            raise RuleError(_BAD_HASH)
        if sign in ">#":
            self.nopass = False
            if digest not in self.passwords:
                self.passwords.append(digest)
        elif digest in self.passwords:
            self.passwords.remove(digest)
        else:
            raise RuleError("The password you are trying to remove from the user does not exist")

    def accepts(self, password: str) -> bool:
        """Whether this user may log in with this password."""
        if not self.on:
            return False
        digest = digest_of(password)
        # All are compared, each in constant time: how long it takes says nothing about which one is near.
        found = [hmac.compare_digest(digest, known) for known in self.passwords]
        return self.nopass or any(found)

    @property
    def rule_sets(self) -> list[RuleSet]:
        return [self.root, *self.selectors]

    def may_hear(self, channel: str, *, is_pattern: bool = False) -> bool:
        return any(rules.may_hear(channel, is_pattern=is_pattern) for rules in self.rule_sets)

    def denial(self, command: str, channels: Sequence[str] = (), *, are_patterns: bool = False) -> str:
        """Why a command may not run: 'command', the channel after a blank, or empty if it may."""
        refused = "command"
        for rules in self.rule_sets:
            if not rules.may_run(command):
                continue
            barred = [name for name in channels if not rules.may_hear(name, is_pattern=are_patterns)]
            if not barred:
                return ""
            refused = f"channel {barred[0]}"
        return refused

    def describe(self) -> str:
        """The rules as a line of a file has them, after the name."""
        words = ["on" if self.on else "off"]
        words += ["nopass"] if self.nopass else []
        words += [self.sanitize] if self.sanitize else []
        words += [f"#{digest}" for digest in self.passwords]
        words += self.root.describe()
        words += [f"({' '.join(selector.describe())})" for selector in self.selectors]
        return " ".join(words)


def digest_of(password: str) -> str:
    return sha256(password.encode("utf-8", "surrogateescape")).hexdigest()


def joined_selectors(words: Iterable[str], shown: Callable[[str], str] = str) -> list[str]:
    """Words in which a selector that came as several, `(+ping`, `&a)`, is one.

    Raises RuleError, with words as `shown` gives them.
    """
    out: list[str] = []
    opened: list[str] = []
    for word in words:
        if opened or (word.startswith("(") and not word.endswith(")")):
            opened.append(word)
            if word.endswith(")"):
                out.append(" ".join(opened))
                opened = []
        else:
            out.append(word)
    if opened:
        raise RuleError(f"Unmatched parenthesis in acl selector starting at '{shown(opened[0])}'.")
    return out


class Users:
    """All users by name. `changed` says that they are not yet saved to the file."""

    def __init__(self, requirepass: str = "", all_channels: bool = False) -> None:
        self._all_channels = all_channels
        self.by_name: dict[str, User] = {}
        self.changed = False
        default = self.by_name[DEFAULT] = User(DEFAULT)
        for rule in ("on", "nopass", "~*", "&*", "+@all", *([f">{requirepass}"] if requirepass else [])):
            default.apply(rule)

    @property
    def default(self) -> User:
        return self.by_name[DEFAULT]

    def get(self, name: str) -> User | None:
        return self.by_name.get(name)

    def set(self, name: str, rules: Iterable[str], shown: Callable[[str], str] = str) -> User:
        """Create or change a user: all rules or none. Raises RuleError, with the rule as `shown` gives it."""
        if any(character.isspace() or character == "\0" for character in name):
            raise RuleError("Usernames can't contain spaces or null characters")
        joined = joined_selectors(rules, shown)
        present = self.by_name.get(name)
        if present is None and len(self.by_name) >= USERS_MAX:
            raise RuleError(f"There are {USERS_MAX} users already")
        user = present.copy() if present is not None else User(name, self._all_channels)
        for rule in joined:
            try:
                user.apply(rule)
            except RuleError as error:
                raise RuleError(f"Error in ACL SETUSER modifier '{shown(rule)}': {error}") from None
        self.by_name[name] = user
        self.changed = True
        return user

    def remove(self, name: str) -> bool:
        found = self.by_name.pop(name, None) is not None
        self.changed = self.changed or found
        return found

    def lines(self) -> list[str]:
        """All users as lines of a file."""
        return [f"user {quoted(name)} {self.by_name[name].describe()}" for name in sorted(self.by_name)]


def read_users(text: str, source: str, requirepass: str, all_channels: bool) -> Users:
    """The users of a text of `user <name> <rules>` lines. Raises ConfigError."""
    users = Users(requirepass, all_channels)
    seen: set[str] = set()
    for line in lines_of(text, source):
        _read_user(users, line, seen)
    users.changed = False
    return users


def _read_user(users: Users, line: Line, seen: set[str]) -> None:
    if line.words[0].lower() != "user" or len(line.words) < 2:
        raise ConfigError(f"{line.place}: a line of users is: user <name> <rules>")
    name = line.words[1]
    if name in seen:
        raise ConfigError(f"{line.place}: user '{name}' is defined twice")
    seen.add(name)
    rules = ["reset", *line.words[2:]] if name == DEFAULT else line.words[2:]
    try:
        users.set(name, rules, shown=masked_word)
    except RuleError as error:
        raise ConfigError(f"{line.place}: user '{name}': {error}") from None
    user = users.by_name[name]
    if name == DEFAULT and "sanitize-payload" not in line.words[2:]:
        user.sanitize = ""
