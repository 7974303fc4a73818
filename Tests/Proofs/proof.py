"""Shows with real sockets what the server promises: `proof.py [NAME ...]`.

Each proof prints figures and a verdict a claim. Exits with 1 when a claim fails.
"""

import gc
import signal
import sys

import drain
import fanout
import trickle
from loop import Overdue
from sockets import raise_descriptor_limit
from verdicts import Verdicts

PROOFS = {
    "fanout-stall": fanout.stalling,
    "fanout-flood": fanout.flooding,
    "trickle": trickle.trickling,
    "drain-busy": drain.busy,
    "drain-deaf": drain.beside_deaf,
    "drain-slow": drain.slow,
}

SECONDS = 115
"""How long one attempt may take, whatever happens."""

ATTEMPTS = 3
"""How often a latency may be measured until it is as claimed."""


def main(names):
    chosen = [name for name in PROOFS if not names or any(map(name.startswith, names))]
    unknown = [name for name in names if not any(map(str.startswith, PROOFS, [name] * len(PROOFS)))]
    if unknown:
        sys.exit(f"there is no proof {unknown[0]}, only {', '.join(PROOFS)}")
    raise_descriptor_limit()
    # A collection would be a pause of the load that is measured as one of the server.
    gc.disable()
    signal.signal(signal.SIGALRM, _overdue)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failures = sum(_prove(name) for name in chosen)
    print(f"{failures} claims failed" if failures else "every claim holds")
    return 1 if failures else 0


def _prove(name):
    """Runs a proof, again where nothing but latencies failed; how many claims failed at last."""
    for left in reversed(range(ATTEMPTS)):
        verdicts = _attempt(name)
        if not left or not verdicts.is_only_late():
            break
        verdicts.figure("again: if that was the work of other programs, it will not come back")
    return verdicts.failures


def _attempt(name):
    verdicts = Verdicts(name)
    signal.alarm(SECONDS)
    try:
        PROOFS[name](verdicts)
    except Overdue as overdue:
        verdicts.claim(False, "it came to its end", str(overdue))
    finally:
        signal.alarm(0)
        gc.collect()
    return verdicts


def _overdue(*_):
    raise Overdue(f"it took more than {SECONDS} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
