"""Value types that only a node knows: save points, keyspace event classes and the like."""

from __future__ import annotations

from garrison.base.list_value_types import Words
from garrison.base.value_types import ValueType


class SavePoints(Words):
    """Pairs of seconds and changes. Lines in a file add up; the first one replaces the default."""

    def __init__(self) -> None:
        super().__init__(allowed='pairs of seconds and changes such as 3600 1, or "" for none')

    def canonical(self, text: str) -> str:
        numbers = text.split()
        if len(numbers) % 2 or not all(word.isdigit() for word in numbers):
            raise ValueError("Invalid save parameters")
        if any(int(seconds) < 1 for seconds in numbers[::2]):
            raise ValueError("Invalid save parameters")
        return " ".join(str(int(word)) for word in numbers)

    def canonical_words(self, words: list[str], current: str) -> str:
        added = self.canonical(" ".join(words))
        return f"{current} {added}".strip() if added else ""

    def lines(self, text: str) -> list[str]:
        numbers = text.split()
        return [" ".join(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)] or ['""']


class OomScores(Words):
    def __init__(self) -> None:
        super().__init__(3, 3, allowed="three integers from -2000 to 2000")

    def canonical(self, text: str) -> str:
        words = text.split()
        if len(words) != 3:
            raise ValueError("wrong number of arguments")
        for word in words:
            if not word.removeprefix("-").isdigit() or not -2000 <= int(word) <= 2000:
                raise ValueError("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
        return " ".join(str(int(word)) for word in words)


class Percentiles(Words):
    def __init__(self) -> None:
        super().__init__(allowed="percentiles from 0 to 100 such as 50 99 99.9, or none")

    def canonical(self, text: str) -> str:
        out = []
        for word in text.split():
            try:
                value = float(word)
            except ValueError:
                raise ValueError("Invalid latency-tracking-info-percentiles parameters") from None
            if not 0.0 <= value <= 100.0:
                raise ValueError(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
                )
            out.append(f"{value:.17g}" if float(f"{value:g}") != value else f"{value:g}")
        return " ".join(out)


class ShutdownFlags(Words):
    NAMES = ("default", "save", "nosave", "now", "force")

    def __init__(self) -> None:
        super().__init__(1, len(self.NAMES), allowed="words of " + ", ".join(self.NAMES))

    def canonical(self, text: str) -> str:
        words = text.lower().split()
        if not words or any(word not in self.NAMES for word in words):
            raise ValueError("argument(s) must be one of the following: " + ", ".join(self.NAMES))
        if "save" in words and "nosave" in words:
            raise ValueError("shutdown options SAVE and NOSAVE can't be used simultaneously")
        return " ".join(name for name in self.NAMES[1:] if name in words) or "default"


class EventClasses(ValueType):
    """Letters of keyspace events, kept in the order in which Redis shows them."""

    ALL = "g$lshzxetd"
    ORDER = "g$lshzxetdnKEm"

    words = (1, 1)

    @property
    def allowed(self) -> str:
        return 'letters of g$lshzxetdnKEmA, or "" for none'

    def canonical(self, text: str) -> str:
        letters = set(text)
        if not letters <= {*self.ORDER, "A"}:
            raise ValueError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        if "A" in letters:
            letters |= set(self.ALL)
        if set(self.ALL) <= letters:
            return "A" + "".join(letter for letter in "nKEm" if letter in letters)
        return "".join(letter for letter in self.ORDER if letter in letters)


class Rate(ValueType):
    """A share between 0 and 1, both excluded."""

    words = (1, 1)

    @property
    def allowed(self) -> str:
        return "a number between 0 and 1, both excluded"

    def canonical(self, text: str) -> str:
        try:
            rate = float(text)
        except ValueError:
            raise ValueError("argument couldn't be parsed into a number") from None
        if not 0 < rate < 1:
            raise ValueError("argument must be between 0 and 1, both excluded")
        return repr(rate)
