"""The checks of echo-server's admin socket and of its metrics, by socat, curl, promtool and Prometheus."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from cookbook import CONFIGURATION, ROOT
from processes import SECONDS, Stage, free_port, output, until


def echo_server():
    """Builds echo-server; its path."""
    command = ["swift", "build", "-c", CONFIGURATION, "--package-path", ROOT, "--product", "echo-server"]
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if built.returncode:
        sys.exit(f"{built.stdout}echo-server does not build")
    return ROOT / ".build" / CONFIGURATION / "echo-server"


def admin(report, program):
    with Stage() as stage:
        port, web = free_port(), free_port()
        path = stage.folder / "admin"
        server = stage.start(
            program, "--host", "127.0.0.1", "--port", port, "--loops", 2, "--quiet",
            "--framing", "lines", "--admin", f"unix:{path}", "--metrics", f"127.0.0.1:{web}",
            port=port)
        server.line_with("metrics at ")
        report.same("the mode of the socket", oct(path.stat().st_mode & 0o777), "0o600")
        clients = [stage.talk(port) for _ in range(20)]
        for client in clients:
            client.say("hello")
            client.hear()

        def socat(commands):
            return output("socat", "-t", "5", "-", f"UNIX-CONNECT:{path}", input=commands)

        lines = socat("list by age 3\nlist by nothing\n").split("\n\n")
        report.same("socat: list by age 3", len(lines[0].splitlines()), 4)
        report.same("socat: a wrong line", lines[1], "list by takes rate, queued or age")
        first = socat("list 1\n").split()[0]
        report.same("socat: kick", socat(f"kick {first}\n"), f"kicked {first}\n\n")
        report.same("the client is gone", clients[0].hear(), "")
        clients[0].socket.close()
        until(lambda: socat("list\n").count("\n") == 20, "the end of the client")
        report.same("a last line without its end", socat("kick 999"), "there is no client 999\n\n")
        page = socat("metrics\n")

        url = f"http://127.0.0.1:{web}"
        report.same("curl: /healthz", output("curl", "-sS", f"{url}/healthz"), "ok\n")
        head = output("curl", "-sSI", f"{url}/metrics")
        report.same("curl -I: the status", head.splitlines()[0], "HTTP/1.1 200 OK")
        for status, options in [("404", ["/nothing"]), ("405", ["/metrics", "-d", "x"])]:
            answer = output("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                            url + options[0], *options[1:])
            report.same(f"curl {' '.join(options)}: the status", answer, status)
        report.same("curl: connections for two requests, one after the other",
                    output("curl", "-sS", "-w", "%{num_connects}", "-o", "/dev/null", f"{url}/healthz",
                           "-o", "/dev/null", f"{url}/metrics"), "10")
        text = output("curl", "-sS", f"{url}/metrics")
        names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
        report.same("socat and curl show the same metrics",
                    names, {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")})
        _lint(report, text)
        _parse(report, text)
        _speed(report, web)
        _scrape(report, stage, web)
        report.same("the server's exit code", server.end(), 0)
        report.same("the socket is gone", path.exists(), False)


def _lint(report, text):
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True,
                          timeout=SECONDS)
    report.same("promtool check metrics", (done.returncode, done.stdout + done.stderr), (0, b""))


def _parse(report, text):
    from prometheus_client.parser import text_string_to_metric_families

    families = list(text_string_to_metric_families(text))
    samples = [sample for family in families for sample in family.samples]
    report.true("prometheus-client reads it", len(families) > 30, f"{len(samples)} values")
    report.same("no value is there twice", len(samples),
                len({(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples}))
    value = {sample.name: sample.value for sample in samples if set(sample.labels) == {"listener"}}
    report.same("uvsockets_connections", value["uvsockets_connections"], 19)
    report.same("uvsockets_received_messages_total", value["uvsockets_received_messages_total"], 20)


def _speed(report, web):
    """How long a page takes, on one connection."""
    request = b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n"
    times = []
    with socket.create_connection(("127.0.0.1", web), SECONDS) as client:
        reader = client.makefile("rb")
        for _ in range(200):
            began = time.monotonic()
            client.sendall(request)
            length = 0
            while (line := reader.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)
            times.append(time.monotonic() - began)
    report.figure(f"a page takes {sorted(times)[100] * 1000:.2f} ms (median of 200, {CONFIGURATION} build)")


def _scrape(report, stage, web):
    """A real Prometheus reads the page."""
    port = free_port()
    config = stage.folder / "prometheus.yml"
    config.write_text(
        "scrape_configs:\n- job_name: echo\n  scrape_interval: 1s\n  static_configs:\n"
        f"  - targets: ['127.0.0.1:{web}']\n")
    stage.start("prometheus", f"--config.file={config}", f"--storage.tsdb.path={stage.folder}/data",
                f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", port=port)

    def ask(query):
        url = f"http://127.0.0.1:{port}/api/v1/query?query={query}"
        try:
            with urllib.request.urlopen(url, timeout=SECONDS) as answer:
                found = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError:  # It is not ready yet.
            return None
        return found[0]["value"][1] if found else None

    report.same("Prometheus: up", until(lambda: ask("up"), "a scrape"), "1")
    report.same("Prometheus: uvsockets_connections",
                until(lambda: ask("uvsockets_connections"), "a value"), "19")
    until(lambda: float(ask("count_over_time(up[1m])") or 0) >= 5, "five scrapes")
    report.same("Prometheus: five scrapes, all well", ask("min_over_time(up[1m])"), "1")
