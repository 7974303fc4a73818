"""Every server that is there must answer rightly, also when the kernel takes only part of it."""

import json
import subprocess
import sys
import unittest
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.load import LOAD
from harness.servers import BACKENDS, PEERS, REPOSITORY, Server

LARGE = ["--size", str(1 << 20), "--depth", "4", "--connections", "3"]
ECHOES = [[], ["--depth", "16"], LARGE, ["--mode", "connect"],
          ["--mode", "idle", "--connections", "300"]]
LOADS = {
    "echo": ECHOES,
    "unix": ECHOES,
    "proxy": ECHOES,
    "unix-proxy": ECHOES,
    "posted": [["--depth", "64"]],
    "lines": [["--mode", "lines"], ["--mode", "lines", "--depth", "500"],
              ["--mode", "lines", "--size", "60000", "--depth", "3", "--connections", "3"]],
    "cores": [["--mode", "lines", "--size", "2", "--depth", "16384", "--connections", "3"]],
    "broadcast": [["--mode", "broadcast"],
                  ["--mode", "broadcast", "--size", "65536", "--depth", "4"]],
}


class PeersTest(unittest.TestCase):
    def test_every_byte_comes_back(self):
        for peer in PEERS:
            if peer.absence():
                continue
            for protocol, command in peer.commands.items():
                for options in LOADS[protocol]:
                    with self.subTest(peer=peer.name, protocol=protocol, options=options):
                        self.check(command, options, BACKENDS.get(protocol))

    def check(self, command, options, backend):
        with ExitStack() as stack:
            behind = stack.enter_context(Server(backend)) if backend else None
            server = stack.enter_context(Server(command, backend=behind))
            load = subprocess.run(
                [LOAD, *server.where, "--seconds", "0.2", *options],
                cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(load.returncode, 0, load.stderr)
            self.assertEqual(json.loads(load.stdout)["errors"], 0)


if __name__ == "__main__":
    unittest.main()
