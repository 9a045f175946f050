"""Kinds whose value is a list, known to every server: words, lines that add up, buffer limits."""

from __future__ import annotations

from garrison.base.value_types import ValueType, memory_text, parse_memory, quoted

ANY_NUMBER = (0, 1 << 16)


class Words(ValueType):
    """Words separated by blanks: `least` to `most` of them."""

    words = ANY_NUMBER

    def __init__(self, least: int = 0, most: int = ANY_NUMBER[1], *, allowed: str = "words") -> None:
        self.words = (least, most)
        self._allowed = allowed

    @property
    def allowed(self) -> str:
        return self._allowed

    def canonical(self, text: str) -> str:
        return " ".join(text.split())

    def lines(self, text: str) -> list[str]:
        return [" ".join(quoted(word) for word in text.split()) or '""']


class Repeated(ValueType):
    """A directive of a file that may come more than once; each line is kept, newest last."""

    words = (1, ANY_NUMBER[1])

    @property
    def allowed(self) -> str:
        return "at least one word"

    def canonical_words(self, words: list[str], current: str) -> str:
        line = " ".join(quoted(word) for word in words)
        return f"{current}\n{line}" if current else line

    def lines(self, text: str) -> list[str]:
        return text.splitlines()


class BufferLimits(Words):
    """Hard limit, soft limit and seconds for each class of clients; what is not named keeps its values."""

    CLASSES = ("normal", "slave", "pubsub")
    DEFAULT = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"

    def __init__(self) -> None:
        super().__init__(
            4, allowed="groups of class (normal, replica or pubsub), hard limit, soft limit and seconds"
        )

    def canonical(self, text: str) -> str:
        return self.canonical_words(text.split(), self.DEFAULT)

    def canonical_words(self, words: list[str], current: str) -> str:
        if not words or len(words) % 4:
            raise ValueError("Wrong number of arguments in buffer limit configuration.")
        old = (current or self.DEFAULT).split()
        limits = {old[at]: old[at + 1 : at + 4] for at in range(0, len(old), 4)}
        for at in range(0, len(words), 4):
            name = {"replica": "slave"}.get(words[at].lower(), words[at].lower())
            if name not in self.CLASSES:
                raise ValueError("Invalid client class specified in buffer limit configuration.")
            hard, soft, seconds = parse_memory(words[at + 1]), parse_memory(words[at + 2]), words[at + 3]
            if hard is None or soft is None or not seconds.isdigit() or hard < 0 or soft < 0:
                raise ValueError("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
            limits[name] = [str(hard), str(soft), seconds]
        return " ".join(f"{name} {' '.join(limits[name])}" for name in self.CLASSES)

    def lines(self, text: str) -> list[str]:
        words = text.split()
        return [
            f"{words[at]} {memory_text(words[at + 1])} {memory_text(words[at + 2])} {words[at + 3]}"
            for at in range(0, len(words), 4)
        ]
