"""From single runs to medians, and to what must be said about how sure they are."""

from statistics import median

from harness.rounds import DISTURBED

NOISY = 0.10
"""A ratio that differs between rounds by more than this share of its median."""
RETRANSMITTED = 0.001
"""More TCP segments sent again than this share of the messages."""


def summarize(scenarios, runs):
    """For every scenario the medians of every peer, and of its per-round ratios to the baseline."""
    return [_summarize_scenario(scenario, runs) for scenario in scenarios]


def caveats(summary, peer_titles, failures, skipped):
    """Sentences about absences, failures, saturation, noise and retries; none when all is well."""
    sentences = [f"{peer_titles[peer]} was not measured: {why}." for peer, why in skipped.items()]
    for failure in failures:
        sentences.append(
            f"{peer_titles[failure['peer']]} failed in {failure['scenario']}, "
            f"round {failure['round'] + 1}: {failure['reason']}.")
    for scenario in summary:
        for remark, applies in REMARKS.items():
            peers = [
                peer_titles[peer] + (f" ({how})" if how else "")
                for peer, figures in scenario["peers"].items()
                if (how := applies(figures)) is not None
            ]
            if peers:
                sentences.append(f"{scenario['title']}, {remark}: {'; '.join(peers)}.")
    return sentences


def _summarize_scenario(scenario, runs):
    by_peer = {}
    for run in runs:
        if run["scenario"] == scenario.name:
            by_peer.setdefault(run["peer"], {})[run["round"]] = run
    baseline = by_peer.get(scenario.baseline, {})
    summarize_peer = _memory if scenario.measures_memory else _speed
    return {
        "name": scenario.name,
        "title": scenario.title,
        "unit": scenario.unit,
        "baseline": scenario.baseline,
        "rate_target": scenario.rate_target,
        "targets": scenario.targets(),
        "peers": {peer: summarize_peer(rounds, baseline) for peer, rounds in by_peer.items()},
    }


def _speed(rounds, baseline):
    runs = list(rounds.values())
    return {
        "rounds": len(runs),
        "messages": sum(run["messages"] for run in runs),
        "cpu_us": median(run["cpu_us"] for run in runs),
        "cpu_ratio": _ratio(rounds, baseline, "cpu_us"),
        "rate": median(run["rate"] for run in runs),
        "rate_ratio": _ratio(rounds, baseline, "rate"),
        "latency_us": {
            share: median(run["latency_us"][share] for run in runs)
            for share in ("p50", "p99", "p99.9")
        },
        "server_share": median(run["server_share"] for run in runs),
        "saturated": sum(run["saturated"] for run in runs),
        "disturbed": sum(run["others_share"] > DISTURBED for run in runs),
        "connect_retries": sum(run["connect_retries"] for run in runs),
        "retransmitted": sum(run["retransmitted"] for run in runs),
        "accidents": [accident for run in runs for accident in run["accidents"]],
    }


def _memory(rounds, _baseline):
    runs = list(rounds.values())
    return {
        "rounds": len(runs),
        "kib": _spread([run["kib"] for run in runs]),
        "process_kib": median(run["process_kib"] for run in runs),
        "accidents": [accident for run in runs for accident in run["accidents"]],
    }


def _ratio(rounds, baseline, figure):
    """Of the rounds in which both were measured; None when there is none."""
    shared = rounds.keys() & baseline.keys()
    return _spread([rounds[r][figure] / baseline[r][figure] for r in shared]) if shared else None


def _spread(values):
    return {"median": median(values), "low": min(values), "high": max(values)}


def _saturated(figures):
    return _rounds(figures, "saturated")


def _disturbed(figures):
    return _rounds(figures, "disturbed")


def _rounds(figures, what):
    return f"{figures[what]} of {figures['rounds']} rounds" if figures.get(what) else None


def _noisy(figures):
    ratio = figures.get("cpu_ratio") or figures.get("kib")
    noisy = ratio and ratio["high"] - ratio["low"] > NOISY * ratio["median"]
    return f"{ratio['low']:.2f} to {ratio['high']:.2f}" if noisy else None


def _retransmitted(figures):
    count = figures.get("retransmitted", 0)
    return f"{count:,}" if count > RETRANSMITTED * figures.get("messages", 0) else None


def _reconnected(figures):
    return f"{figures['connect_retries']:,}" if figures.get("connect_retries") else None


def _accidents(figures):
    return f"{len(figures['accidents'])} times" if figures["accidents"] else None


REMARKS = {
    "the load generator was the slower side, so that messages a second are its figure": _saturated,
    f"noisy (ratios of single rounds more than {NOISY:.0%} apart)": _noisy,
    f"other processes used more than {DISTURBED:.0%} of the two cores all the same": _disturbed,
    "TCP segments sent again": _retransmitted,
    "connects tried again for want of a free port": _reconnected,
    "measured again, because it had failed or other processes had disturbed it": _accidents,
}
