"""Counts what a server executes and allocates for one message, by the difference of two runs."""

import re
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.load import LOAD
from harness.servers import REPOSITORY, Server, ServerFailed

START_SECONDS = 60
LOAD_SECONDS = 300
ALLOCATORS = {"malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign"}


class CountFailed(Exception):
    """Nothing was counted."""


@dataclass(frozen=True)
class Count:
    """What one event, or one run, costs; in a run every number is whole."""

    instructions: float
    allocations: float


def count_per_event(command, load_options, fewer, more, backend=None):
    """What each event costs, on average over the events that only the longer of two runs has.

    Starting, warming up and ending cost the same in both runs and cancel out.
    """
    short, long = (
        _count_run(command, load_options, events, backend) for events in (fewer, more))
    return Count(
        instructions=(long.instructions - short.instructions) / (more - fewer),
        allocations=(long.allocations - short.allocations) / (more - fewer),
    )


def _count_run(command, load_options, events, backend):
    if not shutil.which("valgrind"):
        raise CountFailed("valgrind is not there (apt-get install valgrind)")
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "profile"
        if command[0].endswith("echo-server"):
            # Its watchdog's thread leaves the descriptors, among which valgrind has its own files.
            command = [*command, "--watchdog", "0"]
        watched = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}",
                   "--compress-strings=no", "--", *command]
        try:
            with ExitStack() as stack:
                behind = stack.enter_context(Server(backend)) if backend else None
                server = stack.enter_context(
                    Server(watched, start_seconds=START_SECONDS, backend=behind))
                _load(server.where, load_options, events)
        except ServerFailed as failure:
            raise CountFailed(f"{command[0]}, under valgrind: {failure}") from None
        try:
            return _read_profile(profile.read_text(errors="replace"))
        except OSError:
            raise CountFailed(f"{command[0]}: valgrind wrote no profile") from None


def _load(where, options, events):
    command = [LOAD, *where, "--warm-up", "0", "--seconds", str(LOAD_SECONDS),
               "--messages", str(events), *options]
    try:
        result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    except OSError as error:
        raise CountFailed(f"{LOAD}: {error.strerror}; `make build` makes it") from None
    if result.returncode != 0:
        raise CountFailed(result.stderr.strip().rpartition("\n")[2] or "the load generator failed")


def _read_profile(text):
    # Callgrind profile format: `cfn=` names the function called, `calls=` after it says how often.
    allocations, called = 0, ""
    for line in text.splitlines():
        if line.startswith("cfn="):
            called = re.sub(r"'\d+$", "", line[4:])
        elif line.startswith("calls=") and called in ALLOCATORS:
            allocations += int(line[6:].split()[0])
    summary = re.search(r"^summary: (\d+)", text, re.MULTILINE)
    if not summary:
        raise CountFailed("the profile that valgrind wrote has no summary")
    return Count(int(summary[1]), allocations)
