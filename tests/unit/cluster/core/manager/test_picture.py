"""The picture as a document."""

import pytest
from pydantic import ValidationError

from garrison.cluster.core.manager.picture import NodePicture, NodeState, Picture


def test_node_is_found_by_id() -> None:
    node = NodePicture(id="a", address="127.0.0.1:1", role="primary")
    picture = Picture(at_ms=1, nodes=(node,))
    assert picture.node("a") == node
    assert picture.node("b") is None


def test_copy_with_other_nodes_finds_them() -> None:
    nodes = [NodePicture(id=name, address="127.0.0.1:1", role="primary") for name in "ab"]
    picture = Picture(at_ms=1, nodes=(nodes[0],))
    assert picture.node("a") is nodes[0]
    copied = picture.model_copy(update={"nodes": (nodes[1],)})
    assert (copied.node("a"), copied.node("b")) == (None, nodes[1])


def test_figures_are_unknown_rather_than_zero() -> None:
    node = NodePicture(id="a", address="127.0.0.1:1", role="primary")
    assert node.load.ops_per_s is None
    assert node.keys is None
    assert node.state is NodeState.OK


def test_fields_of_a_newer_manager_are_passed_over() -> None:
    assert Picture.model_validate({"at_ms": 1, "temperature": 20}).at_ms == 1


def test_picture_is_immutable() -> None:
    with pytest.raises(ValidationError):
        Picture(at_ms=1).at_ms = 2
