"""What a proof prints: figures, and a verdict for each claim."""


class Verdicts:
    """Prints what one proof finds, a line each, and remembers whether a claim failed."""

    def __init__(self, name):
        self._name = name
        self.failures = 0

    def figure(self, text):
        """Prints something to know that nothing is claimed of."""
        print(f"{self._name}:        {text}", flush=True)

    def claim(self, holds, text, found=""):
        """Prints whether a claim holds, and what was found."""
        self.failures += not holds
        verdict = "ok   " if holds else "FAILS"
        print(f"{self._name}: {verdict}  {text}{found and f' ({found})'}", flush=True)
