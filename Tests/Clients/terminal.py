"""irssi, which needs a terminal: what it shows is not looked at, only what it logs."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading

from processes import SECONDS

SETTINGS = """\
servers = ( {{ address = "127.0.0.1"; port = "{port}"; chatnet = "here"; autoconnect = "yes"; }} );
chatnets = {{ here = {{ type = "IRC"; }}; }};
channels = ( {{ name = "{channel}"; chatnet = "here"; autojoin = "yes"; }} );
settings = {{
  core = {{ real_name = "{nick}"; user_name = "{nick}"; nick = "{nick}"; }};
  "fe-common/core" = {{
    autolog = "yes"; autolog_path = "{folder}/logs/$0.log"; autolog_level = "all"; }};
}};
"""


class Irssi:
    """irssi in a terminal of its own and in a channel, until `end`. It logs what is said there."""

    def __init__(self, folder, nick, port, channel):
        self.log = folder / "logs" / f"{channel}.log"
        self.log.parent.mkdir(parents=True)
        (folder / "config").write_text(
            SETTINGS.format(nick=nick, folder=folder, port=port, channel=channel))
        self._keys, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("4H", 25, 80, 0, 0))
        self._process = subprocess.Popen(
            ["irssi", "--home", folder], stdin=screen, stdout=screen, stderr=screen,
            start_new_session=True, env=os.environ | {"TERM": "xterm"})
        os.close(screen)
        # Otherwise it would wait for somebody to read its screen.
        threading.Thread(target=self._look, daemon=True).start()

    def say(self, line):
        os.write(self._keys, line.encode() + b"\n")

    def end(self):
        self._process.terminate()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def _look(self):
        with contextlib.suppress(OSError):
            while os.read(self._keys, 65_536):
                pass
        os.close(self._keys)
