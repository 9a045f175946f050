"""What a manager is called: the id under which it holds a lease, and what people read.

BACKGROUND  A node knows the holder of a lease by its id alone, and renews the lease for whoever says that id.
            Two processes that were started with one name by mistake would share a lease, and both would act.
INVARIANTS  The id has a part that is new with each start of a process. Nobody but that process says it.
BEHAVIOUR   `name#start@host:port`. People read `name@host:port`; behind the `@` is where the manager's HTTP
            API is.
"""

from garrison.cluster.core.topology import Address

MANAGER_ID_CHARACTERS_MAX = 64
START_HEX_DIGITS = 8


def manager_id(name: str, advertised: Address, start: str) -> str:
    """The id of one process; `start` are `START_HEX_DIGITS` random hex digits. ValueError if it cannot be."""
    found = f"{name}#{start}@{advertised}"
    room = MANAGER_ID_CHARACTERS_MAX - (len(found) - len(name))
    if len(name) > room:
        raise ValueError(f"the name {name!r} has more than the {room} characters for which there is room")
    if not name or any(letter in "@#" or not "!" <= letter <= "~" for letter in name):
        raise ValueError(f"the name {name!r} must be of printable ASCII characters without '@' and '#'")
    return found


def shown_name(manager_id: str) -> str:
    """What people read of an id: all but the part of the start."""
    name, at, address = manager_id.partition("@")
    return name.partition("#")[0] + at + address


def address_in(manager_id: str) -> str:
    """Where a manager's HTTP API is; empty when its id does not say so."""
    return manager_id.partition("@")[2]
