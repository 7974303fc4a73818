"""Figures for people to read."""

MIB = 1 << 20


def percentile(values, percent):
    """The value that so many percent of the values are not above; values may be in any order."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def latencies(seconds):
    """The spread of times that are well below a second."""
    shown = (f"{name} {percentile(seconds, percent) * 1e3:.2f}" for name, percent in
             (("p50", 50), ("p99", 99), ("greatest", 100)))
    return f"{', '.join(shown)} ms of {len(seconds):,}"


def moments(seconds):
    """The spread of times of some seconds."""
    shown = (f"{name} {percentile(seconds, percent):.3f}" for name, percent in
             (("least", 0), ("p50", 50), ("p99", 99), ("greatest", 100)))
    return f"{', '.join(shown)} s of {len(seconds):,}"


def histogram(values, width):
    """How many values fall into steps of a width: one line for each step that has some."""
    steps = {}
    for value in values:
        step = int(value / width)
        steps[step] = steps.get(step, 0) + 1
    most = max(steps.values(), default=0)
    for step in range(min(steps, default=0), max(steps, default=-1) + 1):
        count = steps.get(step, 0)
        bar = "#" * round(40 * count / most)
        yield f"{step * width:6.2f} to {(step + 1) * width:.2f} s {count:6,} {bar}".rstrip()


def mib(count):
    """Bytes as MiB."""
    return f"{count / MIB:.1f} MiB"
