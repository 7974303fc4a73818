"""What a proof prints: figures, and a verdict for each claim."""


class Verdicts:
    """Prints what one proof finds, a line each, and remembers which claims failed."""

    def __init__(self, name):
        self._name = name
        self.failures = 0
        self.late = 0
        """How many of the failures are of latencies."""

    def figure(self, text):
        """Prints something to know that nothing is claimed of."""
        print(f"{self._name}:        {text}", flush=True)

    def claim(self, holds, text, found="", is_latency=False):
        """Prints whether a claim holds, and what was found.

        A claim about a latency fails also where other programs keep the cores busy for a moment.
        """
        self.failures += not holds
        self.late += is_latency and not holds
        verdict = "ok   " if holds else "FAILS"
        print(f"{self._name}: {verdict}  {text}{found and f' ({found})'}", flush=True)

    def is_only_late(self):
        """Whether claims failed, but none except about latencies."""
        return 0 < self.failures == self.late
