"""The results as a chart: an SVG that follows the reader's light or dark setting."""

from html import escape
from textwrap import wrap

from harness.servers import OURS

WIDTH, MARGIN, GUTTER = 960, 32, 40
PANEL = (WIDTH - 2 * MARGIN - GUTTER) / 2
LABEL, VALUE = 196, 44
BARS = PANEL - LABEL - VALUE
ROW, BAR, PANEL_HEAD, PANEL_FOOT = 21, 13, 34, 22

STYLE = """
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: #24292f; }
  .ground { fill: #ffffff; } .title { font-size: 20px; font-weight: 600; }
  .panel { font-weight: 600; } .quiet { fill: #57606a; font-size: 12px; }
  .bar { fill: #afb8c1; } .bar.baseline { fill: #6e7781; } .bar.ours { fill: #0969da; }
  .ours-text { font-weight: 600; fill: #0969da; }
  .mark { stroke: #6e7781; stroke-dasharray: 3 3; }
  .spread { stroke: #24292f; stroke-opacity: 0.55; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .ground { fill: #0d1117; } .quiet { fill: #8b949e; }
    .bar { fill: #424a53; } .bar.baseline { fill: #8b949e; } .bar.ours { fill: #2f81f7; }
    .ours-text { fill: #58a6ff; }
    .mark { stroke: #8b949e; } .spread { stroke: #e6edf3; }
  }
"""


def draw(results):
    panels = [_Panel(scenario, results["peers"]) for scenario in results["scenarios"]]
    panels = [panel for panel in panels if panel.rows]
    highest_ratio = max((panel.highest for panel in panels if not panel.is_memory), default=1)
    for panel in panels:
        panel.scale = BARS / (panel.highest if panel.is_memory else highest_ratio)
    body, top = [], 96
    for left, right in zip(panels[::2], [*panels[1::2], None]):
        body.append(left.draw(MARGIN, top))
        if right:
            body.append(right.draw(MARGIN + PANEL + GUTTER, top))
        top += max(panel.height for panel in (left, right) if panel)
    footer = _footer(results)
    height = top + 18 * len(footer) + 14
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-label="Server CPU time a message, beside other servers">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height:g}" rx="8"/>',
        _text(MARGIN, 44, "Server CPU time a message, as a ratio to C", "title"),
        _text(MARGIN, 68, "Lower is better. Medians of "
              f"{results['settings']['rounds']} rounds; thin lines from the lowest to the highest; "
              "1.00 is raw epoll, for broadcast libuv, for a proxy haproxy, all in C.", "quiet"),
        *body,
        *(_text(MARGIN, top + 18 * line, text, "quiet") for line, text in enumerate(footer)),
        "</svg>",
    ]) + "\n"


class _Panel:
    """One scenario: a bar for every peer. All ratios of the chart are to one scale."""

    def __init__(self, scenario, peer_titles):
        self.is_memory = scenario["unit"] == "connection"
        self.title = scenario["title"] + (", KiB of memory each" if self.is_memory else "")
        self.rows = []
        for peer, title in peer_titles.items():
            figures = scenario["peers"].get(peer, {})
            spread = figures.get("kib" if self.is_memory else "cpu_ratio")
            kind = "ours" if peer in OURS else "baseline" if peer == scenario["baseline"] else ""
            if spread:
                self.rows.append((title, spread, kind))
        self.height = PANEL_HEAD + ROW * len(self.rows) + PANEL_FOOT
        self.highest = max((spread["high"] for _, spread, _ in self.rows), default=1)

    def draw(self, x, y):
        parts = [_text(x, y + 16, self.title, "panel")]
        if not self.is_memory:
            at, bottom = x + LABEL + self._length(1), y + PANEL_HEAD + ROW * len(self.rows) - 4
            parts.append(f'<line class="mark" x1="{at:.1f}" y1="{y + PANEL_HEAD - 6}" '
                         f'x2="{at:.1f}" y2="{bottom}"/>')
        for row, (title, spread, kind) in enumerate(self.rows):
            parts.append(self._row(x, y + PANEL_HEAD + ROW * row, title, spread, kind))
        return "\n".join(parts)

    def _row(self, x, y, title, spread, kind):
        left, middle = x + LABEL, y + BAR / 2
        low, length, high = (self._length(spread[key]) for key in ("low", "median", "high"))
        text = "ours-text" if kind == "ours" else ""
        return "".join([
            _text(left - 8, y + 11, title, text, anchor="end"),
            f'<rect class="bar {kind}" x="{left}" y="{y}" width="{length:.1f}" height="{BAR}" '
            'rx="2"/>',
            f'<line class="spread" x1="{left + low:.1f}" y1="{middle}" x2="{left + high:.1f}" '
            f'y2="{middle}"/>' if high > low else "",
            _text(left + max(length, high) + 6, y + 11, f"{spread['median']:.2f}", text),
        ])

    def _length(self, value):
        return self.scale * value


def _footer(results):
    machine = results["machine"]
    versions = [f"{name} {version}" for name, version in machine["versions"].items()]
    paragraphs = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, {machine['kernel']}, "
        f"{machine['date']}",
        ", ".join(versions),
        f"To repeat: {results['command']}",
    ]
    return [line for paragraph in paragraphs for line in wrap(paragraph, 130)]


def _text(x, y, text, kind="", anchor="start"):
    attributes = f'class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {attributes}>{escape(text)}</text>"
