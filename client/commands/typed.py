"""All typed methods that a client and a pipeline share, put together."""

from __future__ import annotations

from garrison.client.commands.base import T
from garrison.client.commands.bitmaps import BitmapCommands
from garrison.client.commands.bloom import BloomCommands
from garrison.client.commands.geo import GeoCommands
from garrison.client.commands.geo_radius import GeoRadiusCommands
from garrison.client.commands.hashes import HashCommands
from garrison.client.commands.hyperloglogs import HyperLogLogCommands
from garrison.client.commands.keys import KeyCommands
from garrison.client.commands.lists import ListCommands
from garrison.client.commands.scripting import ScriptingCommands
from garrison.client.commands.sets import SetCommands
from garrison.client.commands.sorted_set_unions import SortedSetUnionCommands
from garrison.client.commands.sorted_sets import SortedSetCommands
from garrison.client.commands.stream_groups import StreamGroupCommands
from garrison.client.commands.streams import StreamCommands
from garrison.client.commands.strings import StringCommands

__all__ = ["TypedCommands"]


class TypedCommands(
    StringCommands[T],
    KeyCommands[T],
    HashCommands[T],
    ListCommands[T],
    SetCommands[T],
    SortedSetCommands[T],
    SortedSetUnionCommands[T],
    StreamCommands[T],
    StreamGroupCommands[T],
    BitmapCommands[T],
    HyperLogLogCommands[T],
    GeoCommands[T],
    GeoRadiusCommands[T],
    BloomCommands[T],
    ScriptingCommands[T],
):
    """The typed methods of every kind of value, and of scripts."""
