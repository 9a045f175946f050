"""How far a move of slots is: counted in one place, shown in one of three ways.

On a terminal it is a bar with keys, bytes and time left; in a pipe a plain line now and then; with
``--json`` nothing (the one document on stdout must stay alone, and remarks go to stderr).
"""

import sys
import time
from dataclasses import dataclass, field
from typing import Protocol

PLAIN_INTERVAL_S = 2.0
BAR_INTERVAL_S = 0.1


@dataclass
class Meter:
    """Counts what is to be moved and what has been. Bytes are an estimate: keys times their mean size."""

    slots: int = 0
    keys: int = 0
    bytes: float = 0.0
    slots_moved: int = 0
    keys_moved: int = 0
    bytes_moved: float = 0.0
    started_at: float = field(default_factory=time.monotonic)

    def moved(self, keys: int, bytes_per_key: float) -> None:
        self.keys_moved += keys
        self.bytes_moved += keys * bytes_per_key
        # Keys that were written while the move went on make the total grow, not the share exceed 100 %.
        self.keys = max(self.keys, self.keys_moved)
        self.bytes = max(self.bytes, self.bytes_moved)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started_at

    @property
    def done(self) -> float:
        """The share done, 0 to 1: a slot costs about what one key costs."""
        whole = self.slots + self.keys
        return (self.slots_moved + self.keys_moved) / whole if whole else 1.0

    @property
    def left_s(self) -> float | None:
        """The time left at the mean speed so far; None while that is a guess."""
        if self.done < 0.02 or self.elapsed_s < 0.2:
            return None
        return self.elapsed_s * (1 - self.done) / self.done

    def __str__(self) -> str:
        left = "" if self.left_s is None or self.done >= 1 else f", {self.left_s:.0f} s left"
        slots = f"{self.slots_moved}/{self.slots} slots, " if self.slots else ""
        size = f", ~{human_bytes(self.bytes_moved)} of ~{human_bytes(self.bytes)}" if self.bytes else ""
        return f"{slots}{self.keys_moved}/{self.keys} keys{size}{left}"


class Display(Protocol):
    """Shows a meter. ``update`` may be called as often as one likes."""

    def start(self, meter: Meter) -> None: ...
    def update(self, meter: Meter) -> None: ...
    def stop(self, meter: Meter) -> None: ...
    def note(self, text: str) -> None: ...


class Silent:
    """Shows nothing; remarks go to stderr."""

    def start(self, meter: Meter) -> None: ...
    def update(self, meter: Meter) -> None: ...
    def stop(self, meter: Meter) -> None: ...

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)


class Plain:
    """A line every few seconds, and one at the end."""

    def __init__(self) -> None:
        self._shown_at = 0.0

    def start(self, meter: Meter) -> None:
        self._shown_at = time.monotonic()

    def update(self, meter: Meter) -> None:
        if time.monotonic() - self._shown_at >= PLAIN_INTERVAL_S:
            self._shown_at = time.monotonic()
            print(f"  {meter}", flush=True)

    def stop(self, meter: Meter) -> None:
        print(f"  {meter}, {meter.elapsed_s:.2f} s", flush=True)

    def note(self, text: str) -> None:
        print(text, flush=True)


class Bar:
    """A rich progress bar."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("[bold]moving"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} % {task.fields[text]}"),
        )
        self._task = self._progress.add_task("", total=1.0, text="")
        self._shown_at = 0.0

    def start(self, meter: Meter) -> None:
        self._progress.start()
        self._show(meter)

    def update(self, meter: Meter) -> None:
        if time.monotonic() - self._shown_at >= BAR_INTERVAL_S:
            self._show(meter)

    def stop(self, meter: Meter) -> None:
        self._show(meter)
        self._progress.stop()

    def note(self, text: str) -> None:
        self._progress.console.print(text, highlight=False)

    def _show(self, meter: Meter) -> None:
        self._shown_at = time.monotonic()
        self._progress.update(self._task, completed=meter.done, text=str(meter))


def choose_display(*, json: bool = False) -> Display:
    if json:
        return Silent()
    return Bar() if sys.stdout.isatty() else Plain()


def human_bytes(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
