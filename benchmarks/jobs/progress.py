"""Progress of long steps, for their logs: plain lines, so that a log can be followed and read later."""

import sys
import time


class Progress:
    """Counts `total` units of work and says how long the rest may take."""

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.unit, self.done = total, unit, 0
        self._began = self._told = time.monotonic()

    def tell(self, line: str) -> None:
        """A line from inside the current unit."""
        print(f"  {self.unit} {self.done + 1}/{self.total}: {line}", file=sys.stderr, flush=True)

    def advance(self, units: int) -> None:
        """So many units more are done; told at most every five seconds."""
        self.done += units
        now = time.monotonic()
        if now - self._told > 5 or self.done == self.total:
            self._told = now
            rest = (now - self._began) / self.done * (self.total - self.done)
            print(f"{self.unit} {self.done}/{self.total}  [ETA {rest:.0f} s]", file=sys.stderr, flush=True)

    def step(self, line: str) -> None:
        """The current unit is done."""
        self.done += 1
        spent = time.monotonic() - self._began
        rest = spent / self.done * (self.total - self.done)
        end = f"{spent:.0f} s" if self.done == self.total else f"{spent:.0f} s, ETA {rest:.0f} s"
        print(f"{self.unit} {self.done}/{self.total} done: {line}  [{end}]", file=sys.stderr, flush=True)
