"""Random commands from templates, the same for a seed in every run."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from tests.commands.wire import Word


class Source:
    """Draws commands. A template is a command whose words may be place holders; `|` or a new line ends it.

    What stands for a place holder in `several` may be more than one word.
    """

    def __init__(
        self, seed: int, templates: str, place_holders: Mapping[str, Sequence[str]], several: str
    ) -> None:
        self.random = random.Random(seed)
        self._templates = [line for line in templates.replace("\n", "|").split("|") if line]
        self._place_holders = place_holders
        self._several = several

    def draw(self) -> list[Word]:
        name, *places = self.random.choice(self._templates).split()
        return [name, *(word for place in places for word in self._words(place))]

    def _words(self, place: str) -> list[str]:
        if place not in self._place_holders:
            return [place]
        word = self.random.choice(self._place_holders[place])
        return word.split() if place in self._several else [word]
