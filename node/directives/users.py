"""The one `user` line that a node without ACLs can honour: the default user that may do everything.

Redis itself writes this line on CONFIG REWRITE, so files that have been in use contain it.
"""

from __future__ import annotations

EVERYTHING = {"~*", "allkeys", "&*", "allchannels", "+@all", "allcommands", "sanitize-payload", "on"}


def is_the_default_user(lines: str, password: str) -> bool:
    """Whether `lines` (one user each) say no more than 'the default user, with this password, may do all'."""
    for line in lines.splitlines():
        words = line.split()
        if words[:1] != ["default"] or "on" not in words:
            return False
        for word in words[1:]:
            if word in EVERYTHING:
                continue
            if word == "nopass" and not password:
                continue
            if word.startswith("#") and password and word[1:] == _digest(password):
                continue
            return False
        if not {"+@all", "allcommands"} & set(words) or not {"~*", "allkeys"} & set(words):
            return False
    return True


def _digest(password: str) -> str:
    from hashlib import sha256

    return sha256(password.encode("utf-8", "surrogateescape")).hexdigest()
