"""Plots of a bench, by gnuplot, as SVG that can be read on a light and on a dark ground.

    line_plot("growth.svg", "Rows a second", [10, 100, 1000], {"pipeline": [(9, 8, 10), Samples, None], "plain": [5, 6, 7]},
              "posts a transaction", "rows/s", log_x=True, limits=[(8, "budget: at least 8 rows/s")])

A value is a number, or (median, least, greatest), or Samples, or None where nothing was measured."""

import math
import os
import shutil
import subprocess

WIDTH, HEIGHT = 760, 440
COLOURS = ("#2f7fd1", "#d9762b", "#2a9d6f", "#a062c8", "#b8860b", "#5f8a8b", "#c2557e")
LIMIT_COLOUR = "#d0342c"
# gnuplot writes colours as attributes, over which a style goes.
STYLE = """<style>
svg { max-width: 100%; height: auto }
use[color="white"] { visibility: hidden } /* a halo */
@media (prefers-color-scheme: dark) {
  [color="black"] { color: #d8dee6 } [stroke="black"] { stroke: #d8dee6 } [fill="black"] { fill: #d8dee6 }
  [color="gray"] { color: #6b747e } [stroke="gray"] { stroke: #6b747e }
}
</style>
"""


class NoGnuplot(Exception):
    """There is no gnuplot: package gnuplot-nox."""


def are_possible():
    return shutil.which("gnuplot") is not None


def _quoted(text):
    return "'" + str(text).replace("'", "''").replace("\n", " ") + "'"


def _triple(value):
    """(median, least, greatest), or None."""
    if value is None or isinstance(value, tuple):
        return value
    if hasattr(value, "values"):
        return (value.median, min(value.values), max(value.values)) if value.values else None
    return (value, value, value)


def _figure(value):
    """A number for an axis: 2500 is 2.5k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _log_ticks(values):
    """At 1, 2 and 5 times the powers of ten if they are few, else at the powers alone."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    steps = (1, 2, 5) if high - low <= 3 else (1,)
    return [(step * 10.0 ** power, _figure(step * 10.0 ** power)) for power in range(low, high + 1) for step in steps]


def _linear_ticks(values):
    """Some six from 0 on, or from the least if that is below."""
    low, high = min(0, *values), max(0, *values)
    rough = (high - low) / 6 or 1
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
    return [(place * step, _figure(place * step)) for place in range(math.floor(low / step), max(1, math.ceil(high / step)) + 1)]


def _ticks(axis, ticks):
    # A label is a format.
    return f"set {axis}tics (" + ", ".join(f"{_quoted(label.replace('%', '%%'))} {value!r}" for value, label in ticks) + ")"


def _run(path, lines):
    if not are_possible():
        raise NoGnuplot("gnuplot is missing (package gnuplot-nox)")
    made = str(path) + ".new"
    script = "\n".join([f"set terminal svg size {WIDTH},{HEIGHT} font 'sans-serif,13' linewidth 1.3 noenhanced", f"set output {_quoted(made)}",
                        "set grid ytics xtics linecolor rgb 'gray' dashtype 3", "set border 3", "set tics nomirror out",
                        "set key outside bottom center horizontal height 1", *lines, "set output"]) + "\n"
    done = subprocess.run(["gnuplot", "-d"], input=script, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    if done.returncode != 0 or not os.path.exists(made):
        raise RuntimeError(f"gnuplot ended with {done.returncode}: {done.stderr.strip()}")
    with open(made, encoding="utf-8") as text:
        svg = text.read()
    with open(made, "w", encoding="utf-8") as out:
        out.write(svg.replace("\n>\n", "\n>\n" + STYLE, 1))
    os.replace(made, path)


def line_plot(path, title, x, y_series, x_label, y_label, log_x=False, log_y=False, limits=(), x_ticks=None):
    """`y_series`: {label: values, one for each of `x`}. The labels of the axes have the units. `limits`: [(y, text)], lines across the
    plot; y may be a list with one for each of `x`. `x_ticks`: [(x, text)] instead of gnuplot's. A logarithmic axis leaves out what is not above 0. Raises NoGnuplot."""
    points = {label: [(at, *triple) for at, triple in zip(x, map(_triple, values))
                      if triple is not None and (triple[0] > 0 or not log_y) and (at > 0 or not log_x)] for label, values in y_series.items()}
    points = {label: some for label, some in points.items() if some}
    if not points:
        raise ValueError(f"{title}: there is nothing to plot")
    across = [at for some in points.values() for at, *_ in some]
    limits = [(y if isinstance(y, list) else [y] * len(x), text) for y, text in limits]
    up = [value for some in points.values() for _, *triple in some for value in triple if value > 0 or not log_y] + [y for ys, _ in limits for y in ys]
    lines, plots = [], []
    for place, (label, some) in enumerate(points.items()):
        name, colour = f"$d{place}", f"linecolor rgb '{COLOURS[place % len(COLOURS)]}'"
        lines += [f"{name} << EOD", *(" ".join(f"{value!r}" for value in map(float, point)) for point in some), "EOD"]
        if any(least != greatest for _, _, least, greatest in some):
            plots.append(f"{name} using 1:2:3:4 with yerrorbars pointtype 7 pointsize 0.5 {colour} notitle")
        drawn = "linespoints pointtype 7 pointsize 0.5" if len(some) <= 60 else "lines linewidth 1.4"
        plots.append(f"{name} using 1:2 with {drawn} {colour} title {_quoted(label)}")
    for place, (ys, text) in enumerate(limits):
        lines += [f"$l{place} << EOD", *(f"{at!r} {float(y)!r}" for at, y in zip(x, ys) if at > 0 or not log_x), "EOD"]
        plots.append(f"$l{place} using 1:2 with lines dashtype {2 + place} linewidth 1.2 linecolor rgb '{LIMIT_COLOUR}' title {_quoted(text)}")
    lines += [f"set title {_quoted(title)}", f"set xlabel {_quoted(x_label)} offset 0,0.3", f"set ylabel {_quoted(y_label)}"]
    ticks = x_ticks or (_log_ticks if log_x else _linear_ticks)(across)
    lines += ["set logscale x", f"set xrange [{min(across) / 1.03!r}:{max(across) * 1.03!r}]", _ticks("x", ticks)] if log_x else \
        [f"set xrange [{ticks[0][0]!r}:{ticks[-1][0]!r}]", _ticks("x", ticks)]
    ticks = (_log_ticks if log_y else _linear_ticks)(up)
    lines += ["set logscale y", _ticks("y", ticks)] if log_y else [f"set yrange [{ticks[0][0]!r}:{ticks[-1][0]!r}]", _ticks("y", ticks)]
    _run(path, lines + ["plot " + ", ".join(plots)])


def bar_plot(path, title, bars, x_label, log_x=False, limit=None):
    """`bars`: [(label, value)], the first on top; of one unit. `limit`: (x, text)."""
    known = [(label, _triple(value)) for label, value in bars]
    known = [(label, triple) for label, triple in known if triple is not None and (triple[0] > 0 or not log_x)]
    if not known:
        raise ValueError(f"{title}: there is nothing to plot")
    least = min(min(triple) for _, triple in known) / 2 if log_x else 0
    lines = ["$d << EOD", *(f"{triple[0]!r} {-place} {triple[1]!r} {triple[2]!r}" for place, (_, triple) in enumerate(known)), "EOD",
             f"set title {_quoted(title)}", f"set xlabel {_quoted(x_label)} offset 0,0.3", f"set yrange [{-len(known) + 0.4}:0.6]",
             _ticks("y", [(-place, label) for place, (label, _) in enumerate(known)]), "unset key"]
    furthest = [value for _, triple in known for value in triple] + ([limit[0]] if limit is not None else [])
    ticks = (_log_ticks if log_x else _linear_ticks)(furthest)
    lines += [_ticks("x", ticks), "set logscale x" if log_x else f"set xrange [0:{ticks[-1][0]!r}]"]
    plots = [f"$d using 1:2:({least!r}):1:($2-0.33):($2+0.33) with boxxyerror fillstyle solid 0.75 noborder linecolor rgb '{COLOURS[0]}'",
             "$d using 1:2:3:4 with xerrorbars pointtype 7 pointsize 0.1 linetype -1"]
    if limit is not None:
        lines += ["$l << EOD", f"{float(limit[0])!r} {-len(known) + 0.5}", f"{float(limit[0])!r} 0.5", "EOD", "set key outside bottom center horizontal height 1"]
        plots = [plot + " notitle" for plot in plots]
        plots.append(f"$l using 1:2 with lines dashtype 2 linewidth 1.2 linecolor rgb '{LIMIT_COLOUR}' title {_quoted(limit[1])}")
    _run(path, lines + ["plot " + ", ".join(plots)])
