"""The load generator: its command, and what it reports."""

import json
import subprocess

from harness.servers import REPOSITORY, pin

LOAD = "Benchmarks/.build/bin/load"


class LoadFailed(Exception):
    """The load generator saw a failure; `wrong_bytes` when what came back was not what was sent."""

    def __init__(self, reason, wrong_bytes=False):
        super().__init__(reason)
        self.wrong_bytes = wrong_bytes


class Load:
    """A running load generator; its result must be waited for."""

    def __init__(self, server, cores, options):
        command = [LOAD, *server.where, "--server", str(server.pid), *options]
        self._server = server
        self._reported = ""
        try:
            self._process = subprocess.Popen(
                command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, preexec_fn=pin(cores))
        except OSError as error:
            raise SystemExit(f"bench: {LOAD}: {error.strerror}; `make build` makes it") from None

    def wait_for_report(self):
        """Until it has reported, or ended; it may hold its connections after that."""
        self._reported = self._process.stdout.readline()

    def result(self, patience):
        """What it has reported. A closed input tells it to let go of idle connections."""
        try:
            return self._result(patience)
        except LoadFailed as failure:
            complaint = self._server.last_complaint()
            if not complaint:
                raise
            reason = f"{failure}; the server said: {complaint}"
            raise LoadFailed(reason, failure.wrong_bytes) from None

    def _result(self, patience):
        try:
            output, complaint = self._process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise LoadFailed("the load generator did not end") from None
        complaint = complaint.strip().rpartition("\n")[2]
        try:
            result = json.loads(self._reported + output)
        except ValueError:
            raise LoadFailed(complaint or "the load generator printed no result") from None
        if self._process.returncode != 0 or result["errors"] > 0:
            reason = complaint or f"{result['errors']} connections were not answered"
            raise LoadFailed(reason, wrong_bytes=result["wrong_bytes"] > 0)
        if result["messages"] == 0 and result["mode"] != "idle":
            raise LoadFailed("not one message came back in the time measured")
        return result
