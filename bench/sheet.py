"""Results that are tables of several columns or curves, where measuring.Report has one figure beside its baseline: told as they come,
written at the end as text, JSON and plots."""

import json
import os
import sys

from measuring import Report, Samples, aligned


class Table:
    """Lines of cells below titles of columns."""

    def __init__(self, title, columns):
        self.title, self.columns, self.rows = title, columns, []
        print(f"{title}:\n  " + " | ".join(columns), file=sys.stderr, flush=True)

    def row(self, *cells):
        self.rows.append([str(cell) for cell in cells])
        print("  " + " | ".join(self.rows[-1]), file=sys.stderr, flush=True)


class Curve:
    """How one figure grows: samples of y for each x."""

    def __init__(self, name, unit):
        self.name, self.unit, self.points = name, unit, {}
        self.label = name  # in a plot

    def add(self, x, y):
        self.points.setdefault(x, Samples()).add(y)

    @property
    def medians(self):
        return [(x, samples.median) for x, samples in sorted(self.points.items())]


class Sheet(Report):
    """Tables and curves instead of rows; `more` is what JSON has besides the machine."""

    def __init__(self, name, folder, facts):
        super().__init__(name, folder, facts, judge=False)
        self.tables, self.notes = [], []

    def sheet(self, title, *columns):
        """A new table, which is told line by line."""
        self.tables.append(Table(title, columns))
        return self.tables[-1]

    def note(self, text):
        self.notes.append(text)

    def curves(self, name, title, x_name, curves):
        """A plot of curves of one unit over one x, both axes logarithmic. Nothing if there is nothing above 0."""
        xs = sorted({x for curve in curves for x in curve.points})
        series = {curve.label: [curve.points.get(x) for x in xs] for curve in curves}
        if any(x > 0 and samples is not None and samples.median > 0 for values in series.values() for x, samples in zip(xs, values)):
            self.plot(name, title, x=xs, y_series=series, x_label=x_name, y_label=curves[0].unit, log_x=True, log_y=True)

    def text(self):
        lines = [f"bench {self.name}"] + [f"  {key}: {value}" for key, value in self.facts.items()] + [""]
        for table in self.tables:
            lines += [table.title, "", *aligned(table.columns, table.rows), ""]
        return "\n".join(lines + self.notes + [f"WARNING: {warning}" for warning in self.warnings()]) + "\n"

    def write(self):
        os.makedirs(self.folder, exist_ok=True)
        drawn = self.draw()
        result = {"bench": self.name, "machine": self.facts, "warnings": self.warnings(), "notes": self.notes, **self.more}
        paths = []
        for ending, content in (("txt", self.text()), ("json", json.dumps(result, indent=1) + "\n")):
            path = os.path.join(self.folder, f"{self.name}.{ending}")
            with open(path + ".new", "w", encoding="utf-8") as out:
                out.write(content)
            os.replace(path + ".new", path)
            paths.append(path)
        return paths + [os.path.join(self.folder, file) for _, file in drawn]


def carry_out(sheet, measure):
    """Measures, writes the sheet and prints it: the exit code of the bench. `measure` returns what went wrong although there is something to
    tell, or None."""
    try:
        problem = measure()
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    except (AssertionError, OSError, RuntimeError) as refusal:
        print(f"{sheet.name}: {refusal}", file=sys.stderr)
        return 1
    paths = sheet.write()
    print("\n" + sheet.text() + "written: " + " ".join(paths))
    if problem is not None:
        print(f"{sheet.name}: {problem}", file=sys.stderr)
    return 0 if problem is None else 1
