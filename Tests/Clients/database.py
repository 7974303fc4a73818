"""The checks of the TCP proxy with PostgreSQL behind it."""

import re
import shutil

from cookbook import CONFIGURATION
from processes import Stage, free_port, ordinary_user, output

ROWS = 100_000


def check(report, program):
    with Stage() as stage:
        port, backend = free_port(), free_port()
        _postgres(stage, backend)
        proxy = stage.start(program, port, f"127.0.0.1:{backend}", port=port)
        psql = ["psql", "-X", "-A", "-t", "-q", "-h", "127.0.0.1", "-p", port, "-U", "postgres"]

        report.same("psql through the proxy", output(*psql, "-c", "select 6 * 7"), "42\n")
        lines = "".join(f"{number}\n" for number in range(ROWS))
        answer = output(*psql, "-c", "create table rows (number int)", "-c",
                        "copy rows from stdin", "-c", "select count(*), sum(number) from rows",
                        input=lines)
        report.same(f"psql copies {ROWS:,} rows in", answer,
                    f"{ROWS}|{ROWS * (ROWS - 1) // 2}\n")
        answer = output(*psql, "-c", "copy (select * from rows order by number) to stdout")
        report.true("and out again", answer == lines, f"{len(answer):,} bytes")
        answer = output(*psql, "-c", "select repeat('x', 20000000)")
        report.true("psql gets one value of 20 MB", answer == "x" * 20_000_000 + "\n", len(answer))
        answer = output(*psql, "-c", "select nothing", check=False)
        report.same("a query that fails ends by itself", answer, "")
        _pgbench(report, port, backend)
        report.same("the proxy's exit code", proxy.end(), 0)


def _postgres(stage, port):
    """Starts a server with a cluster of its own, which goes with the stage."""
    stage.folder.chmod(0o755)
    folder, user = stage.folder / "cluster", ordinary_user()
    folder.mkdir(mode=0o700)
    if user:
        shutil.chown(folder, user)
    output("initdb", "-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale",
           "--no-sync", user=user)
    stage.start("postgres", "-D", folder, "-k", "", "-c", "listen_addresses=127.0.0.1",
                "-c", "fsync=off", "-p", port, port=port, user=user)


def _pgbench(report, port, backend):
    """pgbench through the proxy and without it, with its clients connected and connecting anew."""
    def rate(port, *options):
        text = output("pgbench", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-n", "-S",
                      *options, "postgres")
        failed = int(re.search(r"number of failed transactions: (\d+)", text)[1])
        done = re.search(r"processed: (\d+)/(\d+)", text)
        return float(re.search(r"tps = ([\d.]+)", text)[1]), failed == 0 and done[1] == done[2]

    output("pgbench", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-i", "-q", "postgres")
    for what, options in [
        ("pgbench, 8 clients", ["-c", 8, "-t", 500]),
        ("pgbench -C, 8 clients", ["-C", "-c", 8, "-t", 20]),
    ]:
        (ours, is_whole), (direct, _) = rate(port, *options), rate(backend, *options)
        report.true(what, is_whole, f"{ours:,.0f} transactions a second ({CONFIGURATION} build); "
                    f"without a proxy: {direct:,.0f}")
