"""What every bench needs: the machine in words, medians with their spread, processor time, and the three files of a result."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time

import page
import plots

TICK = os.sysconf("SC_CLK_TCK")


def first_line(*command):
    """Of what a command prints; "?" if there is none."""
    try:
        # Debian puts servers where an ordinary user's PATH does not look.
        environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/bin"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "?"


def machine(root):
    """What somebody who reads the figures wants to know."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    with open("/proc/meminfo", encoding="ascii") as lines:
        memory = int(next(line for line in lines if line.startswith("MemTotal")).split()[1])
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": first_line("git", "-C", str(root), "describe", "--always", "--dirty"),
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "memory": f"{memory / 1048576:.0f} GB",
        "kernel": platform.release(),
        "load at the start": "%.1f %.1f %.1f" % os.getloadavg(),
    }


def busy_percent(seconds=1):
    """How much of the processors' time goes to others, measured now."""
    def times():
        with open("/proc/stat", encoding="ascii") as lines:
            fields = [int(field) for field in lines.readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]  # idle, and waiting for disks

    total, idle = times()
    time.sleep(seconds)
    total_then, idle_then = times()
    return round(100 - 100 * (idle_then - idle) / max(1, total_then - total))


def disk(folder):
    """The file system of a folder, and how long it takes to get 8 KB of it to the disk."""
    kind = first_line("stat", "-f", "-c", "%T", str(folder))
    path, taken = os.path.join(folder, "sync-time"), Samples()
    with open(path, "wb", buffering=0) as out:
        for _ in range(50):
            out.write(b"x" * 8192)
            started = time.monotonic()
            os.fdatasync(out.fileno())
            taken.add((time.monotonic() - started) * 1000)
    os.unlink(path)
    return {"file system": kind, "8 KB to the disk": taken.text("ms")}


class Samples:
    """Repeated measurements of one thing."""

    def __init__(self):
        self.values = []

    def add(self, value):
        self.values.append(value)

    @property
    def median(self):
        return statistics.median(self.values)

    def text(self, unit):
        """The median, and how far the measurements lie apart."""
        spread = f" ({number(min(self.values))}-{number(max(self.values))})" if len(self.values) > 1 else ""
        return f"{number(self.median)}{spread} {unit}"


def number(value):
    if value == 0:
        return "0"
    if value >= 10000:
        return f"{value / 1000:,.0f}k"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def processor_seconds(pids):
    """User and system time so far of these processes, with that of children that have ended."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue  # ended; its parent has its time now
        total += sum(int(field) for field in fields[11:15])
    return total / TICK


def children_of(parent):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as stat:
                    if stat.read().rpartition(")")[2].split()[1] == str(parent):
                        found.append(int(name))
            except OSError:
                pass
    return found


def aligned(columns, rows):
    """The lines of a table for people."""
    widths = [max(len(line[place]) for line in [columns, *rows]) for place in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in [columns, *rows]]
    return lines[:1] + ["  ".join("-" * width for width in widths)] + lines[1:]


BUSY_PERCENT, SPREAD_PERCENT = 10, 20  # from where on a result bears a warning


class Report:
    """Rows of a table, shown as they come and written at the end as text, JSON, a page with plots, and SVG."""

    COLUMNS = ("what", "measured", "baseline", "ratio", "budget", "verdict")

    def __init__(self, name, folder, facts, judge=True):
        """`judge`: whether budgets are held against the figures."""
        self.name, self.folder, self.facts, self.judge = name, folder, facts, judge
        self.rows, self.plots = [], []
        self.more = {}  # of JSON alone

    def row(self, what, measured, unit, baseline=None, baseline_what="", budget=None, name=None):
        """`measured`, `baseline`: Samples, of the same unit. `budget`: (text, predicate of the ratio). `name`: of the part it belongs to."""
        ratio = measured.median / baseline.median if baseline is not None and baseline.median > 0 else None
        kept = bool(budget[1](ratio)) if budget is not None and self.judge else None
        row = {"name": name, "what": what, "unit": unit, "measured": measured.values, "baseline": baseline.values if baseline else None,
               "baseline is": baseline_what, "ratio": ratio, "budget": budget[0] if budget else None, "kept": kept}
        self.rows.append(row)
        row["cells"] = (what, measured.text(unit), f"{baseline.text(unit)}, {baseline_what}" if baseline else "-",
                        f"{ratio:.2f}" if ratio is not None else "-", budget[0] if budget else "-",
                        "-" if kept is None else "pass" if kept else "MISSED")
        self.show(row)

    def absent(self, what, why, name=None):
        """A row of something that was not measured. `why`: "failed: ..." or "not there: ..."."""
        self.rows.append({"name": name, "what": what, "unit": "", "measured": None, "baseline": None, "baseline is": "", "ratio": None,
                          "budget": None, "kept": None, "why": why,
                          "cells": (what, "-", "-", "-", "-", why.partition(":")[0])})
        self.show(self.rows[-1])

    def show(self, row):
        print("  " + " | ".join(row["cells"]), file=sys.stderr, flush=True)

    def plot(self, name, title, **plot):
        """`plot`: what plots.line_plot() wants besides. Drawn by write() as NAME-`name`.svg."""
        self.plots.append({"name": name, "title": title, **plot})

    def footnotes(self):
        """What stands below the table: why a row was not measured, and warnings."""
        return [f"{row['what']}: {row['why']}" for row in self.rows if row.get("why")] + [f"WARNING: {warning}" for warning in self.warnings()]

    def warnings(self):
        """What somebody must know before the figures are believed."""
        found = []
        if self.facts.get("processors busy at the start", 0) > BUSY_PERCENT:
            found.append(f"the machine was busy at the start ({self.facts['processors busy at the start']} % of its processors): "
                         "the figures are of what was left")
        wide = {}
        for row in self.rows:
            values = row["baseline"] or []
            spread = 100 * (max(values) - min(values)) / statistics.median(values) if len(values) > 1 and statistics.median(values) > 0 else 0
            if spread > SPREAD_PERCENT:
                wide[row["name"] or row["what"].strip(), row["baseline is"]] = spread
        found += [f"{name}: its baseline ({what}) lies {spread:.0f} % apart from one repetition to the other; so does the ratio"
                  for (name, what), spread in wide.items()]
        return found

    def text(self):
        lines = [f"bench {self.name}"] + [f"  {key}: {value}" for key, value in self.facts.items()] + [""]
        lines += aligned(self.COLUMNS, [row["cells"] for row in self.rows])
        lines += ["", "Medians, with the least and the greatest of the repetitions in brackets."]
        lines += self.footnotes()
        return "\n".join(lines) + "\n"

    def ratios(self):
        """Of what is counted per second: [(what, (ratio of the medians, and the least and the greatest of those to the baseline's median))]"""
        return [(row["what"].strip(), tuple(value / statistics.median(row["baseline"])
                                            for value in (statistics.median(row["measured"]), min(row["measured"]), max(row["measured"]))))
                for row in self.rows if row["ratio"] is not None and row["unit"].endswith("/s")]

    def draw(self):
        """Writes the plots: [(title, file)]. Without gnuplot there are none, and a line says so."""
        drawn = []
        try:
            if self.ratios():
                drawn.append((f"{self.name}: what is done in a second, as a part of the baseline", f"{self.name}.svg"))
                plots.bar_plot(os.path.join(self.folder, drawn[-1][1]), drawn[-1][0], self.ratios(), "measured / baseline", limit=(1, "the baseline"))
            for plot in self.plots:
                drawn.append((plot["title"], f"{self.name}-{plot['name']}.svg"))
                plots.line_plot(os.path.join(self.folder, drawn[-1][1]), **{key: value for key, value in plot.items() if key != "name"})
        except plots.NoGnuplot as problem:
            print(f"no plots: {problem}", file=sys.stderr)
            return []
        return drawn

    def write(self):
        os.makedirs(self.folder, exist_ok=True)
        drawn = self.draw()
        rows = [{key: value for key, value in row.items() if key != "cells"} for row in self.rows]
        result = {"bench": self.name, "machine": self.facts, "warnings": self.warnings(), "rows": rows, "plots": self.plots, **self.more}
        contents = {"txt": self.text(), "json": json.dumps(result, indent=1, default=lambda samples: samples.values) + "\n",
                    "html": page.text(self, drawn)}
        paths = []
        for ending, content in contents.items():
            path = os.path.join(self.folder, f"{self.name}.{ending}")
            with open(path + ".new", "w", encoding="utf-8") as out:
                out.write(content)
            os.replace(path + ".new", path)
            paths.append(path)
        return paths + [os.path.join(self.folder, file) for _, file in drawn]
