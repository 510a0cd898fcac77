"""Results that are tables of several columns or curves, where measuring.Report has one figure beside its baseline: printed as
they come, written at the end as text, JSON and SVG."""

import html
import json
import math
import os
import sys

from measuring import Samples, number

COLOURS = ("#4a78b0", "#b5563c", "#5b8c4a", "#7d5ba6", "#a8872e")


class Table:
    """Lines of cells below titles of columns."""

    def __init__(self, title, columns):
        self.title, self.columns, self.rows = title, columns, []

    def row(self, *cells):
        self.rows.append([str(cell) for cell in cells])
        print("  " + " | ".join(self.rows[-1]), file=sys.stderr, flush=True)

    def text(self):
        lines = [list(self.columns)] + self.rows
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        out = [self.title, ""]
        for place, line in enumerate(lines):
            out.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
            if place == 0:
                out.append("  ".join("-" * width for width in widths))
        return "\n".join(out) + "\n"


class Curve:
    """How one figure grows: samples of y for each x."""

    def __init__(self, name, unit):
        self.name, self.unit, self.points = name, unit, {}

    def add(self, x, y):
        self.points.setdefault(x, Samples()).add(y)

    @property
    def medians(self):
        return [(x, samples.median) for x, samples in sorted(self.points.items())]


class Sheet:
    def __init__(self, name, folder, facts):
        self.name, self.folder, self.facts = name, folder, facts
        self.tables, self.notes, self.plots, self.data = [], [], [], {}

    def table(self, title, *columns):
        self.tables.append(Table(title, columns))
        print(f"{title}:\n  " + " | ".join(columns), file=sys.stderr, flush=True)
        return self.tables[-1]

    def note(self, text):
        self.notes.append(text)

    def plot(self, name, title, x_title, curves):
        """A file of its own beside the others: curves of one unit over one x."""
        self.plots.append((name, log_log_plot(title, x_title, curves)))

    def text(self):
        lines = [f"bench {self.name}"] + [f"  {key}: {value}" for key, value in self.facts.items()] + [""]
        return "\n".join(lines + [table.text() for table in self.tables] + self.notes) + "\n"

    def write(self):
        os.makedirs(self.folder, exist_ok=True)
        files = {"txt": self.text(), **{f"{name}.svg": svg for name, svg in self.plots}}
        files = {(f"{self.name}.{name}" if name == "txt" else f"{self.name}-{name}"): text for name, text in files.items()}
        files[f"{self.name}.json"] = json.dumps({"bench": self.name, "machine": self.facts, "notes": self.notes, **self.data}, indent=1) + "\n"
        paths = []
        for name, content in files.items():
            path = os.path.join(self.folder, name)
            with open(path + ".new", "w", encoding="utf-8") as out:
                out.write(content)
            os.replace(path + ".new", path)
            paths.append(path)
        return paths


# ---- plots ----

LEFT, TOP, WIDTH, HEIGHT = 90, 40, 480, 300


def _decades(low, high):
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def log_log_plot(title, x_title, curves):
    """Medians with a line through them, from the least to the greatest of the repetitions upright, both axes by powers of ten."""
    shown = [(curve, [(x, samples) for x, samples in sorted(curve.points.items()) if x > 0 and min(samples.values) > 0]) for curve in curves]
    shown = [(curve, points) for curve, points in shown if points]
    xs = [x for _, points in shown for x, _ in points] or [1, 10]
    ys = [value for _, points in shown for _, samples in points for value in samples.values] or [1, 10]
    across, up = _decades(min(xs), max(xs)), _decades(min(ys), max(ys))

    def place(x, y):
        return (LEFT + WIDTH * (math.log10(x) - across[0]) / max(1, across[-1] - across[0]),
                TOP + HEIGHT - HEIGHT * (math.log10(y) - up[0]) / max(1, up[-1] - up[0]))

    unit = curves[0].unit if curves else ""
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 230}" height="{TOP + HEIGHT + 60}" font-family="sans-serif" '
           'font-size="12">', f'<text x="8" y="20" font-weight="bold" font-size="14">{html.escape(title)}</text>',
           f'<text x="8" y="{TOP - 6}">{html.escape(unit)}</text>',
           f'<text x="{LEFT + WIDTH / 2:.0f}" y="{TOP + HEIGHT + 45}" text-anchor="middle">{html.escape(x_title)}</text>']
    for power in across:
        x, _ = place(10.0 ** power, 10.0 ** up[0])
        out += [f'<path d="M{x:.1f} {TOP}V{TOP + HEIGHT}" stroke="#ddd"/>',
                f'<text x="{x:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{10.0 ** power:,g}</text>']
    for power in up:
        _, y = place(10.0 ** across[0], 10.0 ** power)
        out += [f'<path d="M{LEFT} {y:.1f}H{LEFT + WIDTH}" stroke="#ddd"/>',
                f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0 ** power:,g}</text>']
    for which, (curve, points) in enumerate(shown):
        colour = COLOURS[which % len(COLOURS)]
        line = " ".join("%.1f,%.1f" % place(x, samples.median) for x, samples in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, samples in points:
            (at, low), (_, high), (_, middle) = (place(x, value) for value in (min(samples.values), max(samples.values), samples.median))
            out += [f'<path d="M{at:.1f} {low:.1f}V{high:.1f}" stroke="{colour}"/>',
                    f'<circle cx="{at:.1f}" cy="{middle:.1f}" r="3" fill="{colour}"><title>{x:,g}: {number(samples.median)} '
                    f'{html.escape(curve.unit)}</title></circle>']
        out.append(f'<text x="{LEFT + WIDTH + 12}" y="{TOP + 14 + 18 * which}" fill="{colour}">{html.escape(curve.name)}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"
