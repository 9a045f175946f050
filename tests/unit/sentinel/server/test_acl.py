"""Users and rules, as the language of ACL SETUSER has them."""

from __future__ import annotations

import pytest

from garrison.base.config_text import ConfigError
from garrison.sentinel.server.acl import RuleError, Users, read_users
from garrison.sentinel.server.command_table import CATEGORIES, EVERY, members


@pytest.fixture
def users() -> Users:
    return Users()


def may(users: Users, name: str) -> set[str]:
    """The commands that a user may run."""
    user = users.by_name[name]
    return {command for command in EVERY if not user.denial(command)}


def test_the_default_user_may_do_everything(users: Users) -> None:
    assert users.lines() == ["user default on nopass ~* &* +@all"]
    assert may(users, "default") == set(EVERY)
    assert users.default.may_hear("anything")


def test_a_new_user_may_do_nothing(users: Users) -> None:
    users.set("joe", [])
    assert users.lines()[1] == "user joe off resetchannels -@all"
    assert may(users, "joe") == set()
    assert not users.by_name["joe"].accepts("")


def test_command_rule_grants_subcommands_and_one_can_be_denied(users: Users) -> None:
    users.set("joe", ["+sentinel", "-sentinel|set", "+client|list"])
    allowed = may(users, "joe")
    assert {"sentinel", "sentinel|masters", "client|list"} <= allowed
    assert not {"sentinel|set", "client", "client|kill"} & allowed
    assert users.lines()[1].endswith("-@all +sentinel -sentinel|set +client|list")


def test_later_rules_replace_earlier_ones(users: Users) -> None:
    users.set("joe", ["+sentinel|set", "-ping", "+@pubsub", "+sentinel", "-@pubsub", "+ping"])
    assert users.by_name["joe"].root.rules == ["-@all", "+sentinel", "-@pubsub", "+ping"]
    users.set("joe", ["+@all"])
    assert users.by_name["joe"].root.rules == ["+@all"]


@pytest.mark.parametrize("category", CATEGORIES)
def test_categories(users: Users, category: str) -> None:
    users.set("joe", [f"+@{category}"])
    assert may(users, "joe") == set(members(category))


def test_what_is_listed_gives_the_same_user_again(users: Users) -> None:
    rules = "on >pass +@all -@admin +sentinel|masters &+switch* ~a %R~b (+ping &x) (+info)"
    users.set("joe", rules.split())
    again = read_users("\n".join(users.lines()), "here", "", False)
    assert again.lines() == users.lines()
    assert may(again, "joe") == may(users, "joe")


def test_passwords(users: Users) -> None:
    user = users.set("joe", ["on", ">one", ">two"])
    assert (user.accepts("one"), user.accepts("two"), user.accepts("three")) == (True, True, False)
    user = users.set("joe", ["<one"])
    assert (user.accepts("one"), user.accepts("two")) == (False, True)
    assert users.set("joe", ["nopass"]).accepts("anything")
    assert not users.set("joe", ["off"]).accepts("anything")


def test_channels(users: Users) -> None:
    user = users.set("joe", ["on", "+subscribe", "&+switch*", "&Mail"])
    assert user.denial("subscribe", ["+switch-master", "Mail"]) == ""
    assert user.denial("subscribe", ["+sdown"]) == "channel +sdown"
    assert user.denial("subscribe", ["mail"]) == "channel mail", "upper and lower case differ"
    assert user.may_hear("+switch*", is_pattern=True)
    assert not user.may_hear("+switch-m*", is_pattern=True)


def test_one_selector_must_allow_command_and_channel(users: Users) -> None:
    user = users.set("joe", ["on", "+ping", "&a", "(+subscribe", "&b)"])
    assert user.denial("subscribe", ["b"]) == ""
    assert user.denial("subscribe", ["a"]) == "channel a"
    assert user.denial("info") == "command"


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("+nothing", "Unknown command or category name in ACL"),
        ("+@nothing", "Unknown command or category name in ACL"),
        ("+sentinel|nothing", "Unknown command or category name in ACL"),
        ("frobnicate", "Syntax error"),
        ("#zz", "must be exactly 64 characters"),
        ("<never", "does not exist"),
        ("allchannels &x", "Adding a pattern after the * pattern"),
        ("allkeys ~x", "Adding a pattern after the * pattern"),
        ("(+ping", "Unmatched parenthesis"),
        ("%X~a", "Syntax error"),
    ],
)
def test_a_bad_rule_changes_nothing(users: Users, rules: str, reason: str) -> None:
    users.set("joe", ["on", "+ping"])
    before = users.lines()
    with pytest.raises(RuleError, match=reason.replace("*", r"\*")):
        users.set("joe", ["off", *rules.split()])
    assert users.lines() == before


def test_requirepass_is_the_password_of_the_default_user() -> None:
    users = Users("secret")
    assert users.default.accepts("secret")
    assert not users.default.accepts("")
    assert not users.default.nopass


def test_the_lines_that_redis_writes_can_be_read() -> None:
    text = (
        "user default on #" + "a" * 64 + " ~* &* +@all\nuser joe off sanitize-payload resetchannels -@all\n"
    )
    assert read_users(text, "here", "", False).lines() == text.splitlines()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("user joe on\nuser joe off", "line 2: user 'joe' is defined twice"),
        ("user joe +what", "line 1: user 'joe': .*Unknown command"),
        ("usr joe on", "line 1: a line of users is"),
    ],
)
def test_a_bad_file_of_users_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        read_users(text, "users.acl", "", False)


@pytest.mark.parametrize(
    ("rules", "shown"),
    [
        ("-auth -what", "modifier '-what'"),
        ("-auths", "modifier '-auths'"),
        ("<secret", "modifier '<\\*\\*\\*'"),
        ("(~x >secret)", "modifier '\\(~x >\\*\\*\\*'"),
        ("(>secret", "starting at '\\(>\\*\\*\\*'"),
    ],
)
def test_bad_rule_of_a_file_is_shown_without_password(rules: str, shown: str) -> None:
    with pytest.raises(ConfigError, match=shown) as refused:
        read_users(f"user joe {rules}", "users.acl", "", False)
    assert "secret" not in str(refused.value)
