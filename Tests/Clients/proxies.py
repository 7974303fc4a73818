"""The checks of the two proxies, with nginx behind them."""

import os
import re
from statistics import median

import database
from cookbook import CONFIGURATION
from processes import Stage, free_port, output, until

NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx-{port}.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port}{tls};
        location = /name {{ return 200 "{name}\\n"; }}
        location / {{ root {folder}/www; }}
    }}
}}
"""
HAPROXY = """\
defaults
    mode tcp
    timeout connect 2s
    timeout client 300s
    timeout server 300s
listen proxy
    bind 127.0.0.1:{port}
    server one {backend} check inter 1s
"""
SIZE = 20_000_000
ROUNDS = 3


def _nginx(stage, name, port, tls=""):
    settings = stage.folder / f"nginx-{port}.conf"
    settings.write_text(NGINX.format(folder=stage.folder, name=name, port=port, tls=tls))
    return stage.start("nginx", "-e", "stderr", "-c", settings, port=port)


def _big_file(stage):
    folder = stage.folder / "www"
    folder.mkdir()
    os.chmod(stage.folder, 0o755)
    (folder / "big").write_bytes(os.urandom(SIZE))
    return folder / "big"


def tcp_proxy(report, program):
    with Stage() as stage:
        port, *ports = [free_port() for _ in range(3)]
        big = _big_file(stage)
        one, _ = _nginx(stage, "one", ports[0]), _nginx(stage, "two", ports[1])
        backends = [f"127.0.0.1:{port}" for port in ports]
        proxy = stage.start(program, port, *backends, port=port)
        url = f"http://127.0.0.1:{port}"

        def names(count):
            return sorted(output("curl", "-sS", f"{url}/name").strip() for _ in range(count))

        report.same("curl, 10 times: who answers", names(10), ["one"] * 5 + ["two"] * 5)
        copy = stage.folder / "copy"
        output("curl", "-sS", "-o", copy, f"{url}/big")
        report.true("curl gets 20 MB", copy.read_bytes() == big.read_bytes(), copy.stat().st_size)
        one.end()
        report.same("the first is down, curl 10 times", names(10), ["two"] * 10)
        line = proxy.line_with(f"{backends[0]} is down")
        report.same("the proxy says", line, f"{backends[0]} is down")
        _nginx(stage, "one", ports[0])
        line = proxy.line_with(f"{backends[0]} is up")
        report.same("it is back", line, f"{backends[0]} is up")
        report.same("curl, until both answer", until(
            lambda: "one" in (found := names(10)) and sorted(set(found)), "both"), ["one", "two"])
        report.same("the proxy's exit code", proxy.end(), 0)
    _compare(report, program)
    database.check(report, program)


def _compare(report, program):
    """wrk through the proxy and through haproxy, in turn."""
    with Stage() as stage:
        port, other, backend = [free_port() for _ in range(3)]
        _nginx(stage, "one", backend)
        settings = stage.folder / "haproxy.cfg"
        settings.write_text(HAPROXY.format(port=other, backend=f"127.0.0.1:{backend}"))
        ours = stage.start(program, port, f"127.0.0.1:{backend}", port=port)
        theirs = stage.start("haproxy", "-db", "-f", settings, port=other)
        for what, options in [
            ("wrk", []), ("wrk, a connection for each", ["-H", "Connection: close"]),
        ]:
            rounds = [(_wrk(ours, port, options), _wrk(theirs, other, options))
                      for _ in range(ROUNDS)]
            (rate, cost, failed), (their_rate, their_cost, _) = [
                [median(values) for values in zip(*side)] for side in zip(*rounds)]
            report.true(what, rate > 0 and failed == 0,
                        f"{rate:,.0f} requests a second, {cost:.3f} ms of CPU each "
                        f"({CONFIGURATION} build); haproxy: {their_rate:,.0f}, {their_cost:.3f} ms")


def _wrk(proxy, port, options):
    """Requests per second, the proxy's CPU time for one in milliseconds, and how many failed."""
    before = proxy.cpu_seconds()
    text = output("wrk", "-t", 1, "-c", 50, "-d", "1s", *options, f"http://127.0.0.1:{port}/name")
    cpu = proxy.cpu_seconds() - before
    count = int(re.search(r"(\d+) requests in", text)[1])
    rate = float(re.search(r"Requests/sec: *([\d.]+)", text)[1])
    # A close that ends an answer is no error, so wrk tells of timeouts and refused connections here.
    errors = re.search(r"Socket errors: connect (\d+), read \d+, write (\d+), timeout (\d+)", text)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = sum(map(int, errors.groups() if errors else ())) + int(other[1] if other else 0)
    return rate, cpu / max(1, count) * 1000, failed


def connect_proxy(report, program):
    with Stage() as stage:
        port, plain, secure, closed = [free_port() for _ in range(4)]
        big = _big_file(stage)
        output("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 1,
               "-subj", "/CN=localhost", "-keyout", stage.folder / "key",
               "-out", stage.folder / "certificate")
        _nginx(stage, "plain", plain)
        _nginx(stage, "secure", secure, f" ssl; ssl_certificate {stage.folder}/certificate; "
               f"ssl_certificate_key {stage.folder}/key")
        proxy = stage.start(program, port, port=port)
        curl = ["curl", "-sS", "-x", f"http://127.0.0.1:{port}"]

        answer = output(*curl, "-p", f"http://127.0.0.1:{plain}/name")
        report.same("curl -p, HTTP through the proxy", answer, "plain\n")
        answer = output(*curl, "--cacert", stage.folder / "certificate",
                        f"https://localhost:{secure}/name")
        report.same("curl, HTTPS through the proxy", answer, "secure\n")
        copy = stage.folder / "copy"
        output(*curl, "-k", "-o", copy, f"https://127.0.0.1:{secure}/big")
        report.true("curl gets 20 MB", copy.read_bytes() == big.read_bytes(), copy.stat().st_size)
        answer = output(*curl, "-p", "-w", "%{http_connect}", f"http://127.0.0.1:{closed}/",
                        check=False)
        report.same("nobody listens there", answer, "502")
        answer = output(*curl, "-w", "%{http_code}", f"http://127.0.0.1:{plain}/name")
        report.same("GET instead of CONNECT", answer, "405")
        client = stage.talk(port)
        client.say("x" * 9_000)
        report.same("a line that is too long ends the client", client.hear(), "")
        report.same("the proxy's exit code", proxy.end(), 0)
