"""The results as Markdown."""

from harness.servers import OURS


def draw(results):
    scenarios = results["scenarios"]
    speed = [scenario for scenario in scenarios if scenario["unit"] != "connection"]
    memory = [scenario for scenario in scenarios if scenario["unit"] == "connection"]
    parts = [_head(results)]
    if speed:
        parts.append(_section(
            "Server CPU time a message, as a ratio to the baseline",
            "Lower is better; the baseline is raw epoll in C, for broadcast libuv in C, for a proxy haproxy.",
            results, speed, lambda scenario, figures: _ratio(figures["cpu_ratio"]),
            with_targets=True))
        parts.append(_section(
            "Server CPU time a message, in µs", "Lower is better.",
            results, speed, lambda scenario, figures: f"{figures['cpu_us']:.2f}"))
        parts.append(_section(
            "Messages a second, in thousands",
            "Higher is better. An asterisk: in most rounds the load generator was the slower side.",
            results, speed, _rate))
        spread = [scenario for scenario in speed if scenario["rate_target"] > 0]
        if spread:
            parts.append(_section(
                "Messages a second, as a ratio to one loop's",
                "Higher is better. " + "; ".join(
                    f"to reach: ≥ {scenario['rate_target']:.2f}" for scenario in spread),
                results, spread, lambda scenario, figures: _ratio(figures["rate_ratio"])))
        parts.append(_section(
            "Latency, p50 / p99 / p99.9 in µs",
            "With all connections busy all the time, so mostly time spent waiting for one's turn.",
            results, speed, _latency))
    if memory:
        parts.append(_section(
            "Memory an idle connection, in KiB of user space",
            "After one message each way on every connection. Lower is better.",
            results, memory, lambda scenario, figures: f"{figures['kib']['median']:.2f}",
            with_targets=True))
    parts.append(_caveats(results["caveats"]))
    return "\n\n".join(parts) + "\n"


def _head(results):
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    settings = results["settings"]
    return "\n".join([
        "# Results",
        "",
        f"Medians of {settings['rounds']} rounds of {settings['seconds']:g} s, {machine['date']}.",
        "",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, {machine['kernel']}, "
        f"TCP congestion control {machine['tcp_congestion_control']}",
        f"- Versions: {versions}",
        f"- To repeat: `{results['command']}`",
    ])


def _section(title, note, results, scenarios, cell, with_targets=False):
    header = ["", *(scenario["title"] for scenario in scenarios)]
    rows = [header, ["---", *("--:" for _ in scenarios)]]
    for peer, name in results["peers"].items():
        cells = [
            cell(scenario, scenario["peers"][peer]) if peer in scenario["peers"] else "–"
            for scenario in scenarios
        ]
        if any(text != "–" for text in cells):
            rows.append([name, *cells])
    if with_targets:
        for peer in (peer for peer in OURS if peer in results["peers"]):
            targets = (
                f"≤ {scenario['targets'][peer]:.2f}" if peer in scenario["peers"] else "–"
                for scenario in scenarios)
            rows.append([f"to reach: {results['peers'][peer]}", *targets])
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"## {title}\n\n{note}\n\n{table}"


def _ratio(ratio):
    return f"{ratio['median']:.2f}" if ratio else "–"


def _rate(_scenario, figures):
    star = " *" if 2 * figures["saturated"] > figures["rounds"] else ""
    return f"{figures['rate'] / 1000:,.1f}{star}"


def _latency(_scenario, figures):
    return " / ".join(f"{value:,.0f}" for value in figures["latency_us"].values())


def _caveats(sentences):
    body = "\n".join(f"- {sentence}" for sentence in sentences) or "Nothing to report."
    return f"## What to know about these figures\n\n{body}"
