"""What the checks found."""

LONGEST = 120


class Report:
    def __init__(self):
        self.name = ""
        self.checks = self.failures = 0

    def begin(self, name):
        self.name = name

    def same(self, what, got, wanted):
        """Checks that something came as it must."""
        if got == wanted:
            self._line("ok", f"{what}: {_short(got)}")
        else:
            self._line("FAILED", f"{what}: {got!r} instead of {wanted!r}")

    def true(self, what, holds, got):
        """Checks something else about what came."""
        self._line("ok" if holds else "FAILED", f"{what}: {_short(got) if holds else repr(got)}")

    def fail(self, text):
        self._line("FAILED", text)

    def figure(self, text):
        """Prints something that is no check."""
        print(f"        {self.name}: {text}", flush=True)

    def end(self):
        print(f"{self.checks} checks, {self.failures} failed")
        return 1 if self.failures else 0

    def _line(self, verdict, text):
        self.checks += 1
        self.failures += verdict != "ok"
        print(f"{verdict:7} {self.name}: {text}", flush=True)


def _short(value):
    text = value if isinstance(value, str) else repr(value)
    text = text.replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
