"""Where a copy stands best."""

from garrison.cluster.core.manager.placement import Candidate, best, crowding

OTHERS = [("h1", "a"), ("h2", "a"), ("h3", "b")]


def candidate(name: str, host: str, zone: str) -> Candidate:
    return Candidate(name, name, host, zone)


def test_crowding_counts_hosts_and_known_zones() -> None:
    assert crowding(("h1", "a"), OTHERS) == (1, 2)
    assert crowding(("h9", "b"), OTHERS) == (0, 1)
    assert crowding(("h9", ""), OTHERS) == (0, 0)


def test_free_host_goes_before_free_zone() -> None:
    same_host = candidate("n1", "h1", "c")
    same_zone = candidate("n2", "h9", "a")
    assert best([same_host, same_zone], OTHERS) == same_zone


def test_emptiest_zone_decides_between_free_hosts() -> None:
    chosen = best([candidate("n1", "h8", "a"), candidate("n2", "h9", "b")], OTHERS)
    assert chosen is not None
    assert chosen.name == "n2"


def test_nobody_is_none() -> None:
    assert best([], OTHERS) is None
