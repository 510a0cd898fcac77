"""A row of a bench: what is measured, beside which baseline, within which budget; and what takes rows one after the other.

A row has sides, such as the gateway and pgbench. Each side measures once and gives figures by name; sides take turns, another one
first each time (A B, B A, A B ...), so that none has the better place. Its lines say which of the figures are shown beside which."""

import argparse
import dataclasses
import signal
import sys
import time
import typing

from measuring import Report, Samples, busy_percent, disk, first_line, machine


class Absent(Exception):
    """This build has not got what the row measures; the text says what there was instead."""


# ---- budgets ----

@dataclasses.dataclass(frozen=True)
class Budget:
    text: str
    kept: typing.Callable  # of the Samples and of their ratio to the baseline, which may be None
    limit: float


def ratio_from(least):
    return Budget(f"at least {least}", lambda _, ratio: ratio is not None and ratio >= least, least)


def ratio_to(most, word="at most"):
    return Budget(f"{word} {most}", lambda _, ratio: ratio is not None and ratio <= most, most)


def ratio_within(least, most, text):
    return Budget(text, lambda _, ratio: ratio is not None and least <= ratio <= most, most)


def median_to(most, unit):
    return Budget(f"at most {most} {unit}".rstrip(), lambda measured, _: measured.median <= most, most)


def each_to(most, text):
    """The worst of the repetitions counts."""
    return Budget(text, lambda measured, _: max(measured.values) <= most, most)


# ---- rows ----

@dataclasses.dataclass(frozen=True)
class Line:
    """`measured` and `baseline` are names of figures; {} of `what` is filled in from `row` and its `size`. A line that begins with blanks
    belongs to the one above."""
    what: str
    measured: str
    unit: str
    baseline: typing.Optional[str] = None
    baseline_is: str = ""
    budget: typing.Optional[Budget] = None


class Row:
    """One for each run; `lab` and `size` are its surroundings."""
    name = None   # of --only and --row
    title = None  # in a few words
    lines = ()    # of Line

    def __init__(self, lab, size):
        self.lab, self.size = lab, size

    @classmethod
    def seconds(cls, size):
        """About how long a repetition of all sides takes on two processors that do nothing else."""
        raise NotImplementedError

    def repeats(self):
        return self.size.repeats

    def begin(self):
        """Before the first repetition."""

    def sides(self):
        """{name: function that measures once: {figure: value, or a list of values}}. The functions raise Absent, or what programs and servers raise."""
        raise NotImplementedError

    def plots(self, figures):
        """Of the figures of all repetitions: what Report.plot() wants, each as a dictionary."""
        return ()

    def end(self):
        """After the last repetition."""
        self.lab.stop_gateways()
        self.lab.stop_materializers()


def rotate(things, by):
    """Another one first each time."""
    by %= len(things)
    return things[by:] + things[:by]


def tell(report, row, figures):
    """The lines and plots of a row for which there are figures; if it was broken off, not all are there."""
    for line in row.lines:
        if line.measured not in figures:
            continue
        measured, baseline = figures[line.measured], figures.get(line.baseline)
        budget = line.budget and (line.budget.text, lambda ratio, line=line, measured=measured: line.budget.kept(measured, ratio))
        report.row(line.what.format(row=row, size=row.size), measured, line.unit, baseline, line.baseline_is, budget, name=row.name)
    for plot in row.plots(figures):
        report.plot(**plot)


class Progress:
    """Says on standard error what is measured now and how much is left."""

    def __init__(self, planned):
        """`planned`: [(name, seconds)], in the order of the run."""
        self.left = dict(planned)
        self.count, self.place = len(self.left), 0
        self.planned_s = self.taken_s = 0
        self.name, self.began, self.row_s = None, None, 0

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def remaining_s(self):
        """As long as planned, times what this machine has taken for what is done."""
        pace = self.taken_s / self.planned_s if self.planned_s > 0 and self.taken_s > 0 else 1
        now = max(0, self.row_s * pace - (time.monotonic() - self.began)) if self.name else 0
        return now + pace * sum(self.left.values())

    def begin(self, name, what):
        self.name, self.began, self.row_s = name, time.monotonic(), self.left.pop(name)
        self.place += 1
        self.say(f"[{self.place}/{self.count}] {name}: {what}; about {duration(self.row_s)}, {duration(self.remaining_s())} until the end")

    def side(self, repeat, repeats, side):
        self.say(f"  {self.name}, {repeat + 1} of {repeats}: {side} ({duration(self.remaining_s())} left)")

    def figure(self, name, values):
        self.say(f"      {name}: " + " ".join(f"{value:.5g}" for value in values))

    def end(self):
        self.taken_s += time.monotonic() - self.began
        self.planned_s += self.row_s
        self.name = None


def duration(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def measure(kind, lab, size, report, progress):
    """One row: its lines and plots in the report. True unless it failed."""
    row, figures = kind(lab, size), {}
    progress.begin(kind.name, kind.title)
    broken = True
    try:
        try:
            row.begin()
            for repeat in range(row.repeats()):
                for side, function in rotate(list(row.sides().items()), repeat):
                    progress.side(repeat, row.repeats(), side)
                    for name, value in function().items():
                        values = value if isinstance(value, list) else [value]
                        figures.setdefault(name, Samples()).values.extend(values)
                        progress.figure(name, values)
            broken = False
        finally:
            # What was interrupted is shown as far as it went. The servers of what failed may be in any state.
            if broken:
                lab.kill_services()
            else:
                row.end()
    except Absent as why:
        report.absent(row.lines[0].what.format(row=row, size=size), f"not there: {why}", name=kind.name)
        return True
    except (AssertionError, OSError, RuntimeError) as problem:
        # The other rows are worth their minutes all the same.
        progress.say(f"{kind.name}: {problem}")
        report.absent(kind.name, "failed: " + str(problem).partition("\n")[0][:120], name=kind.name)
        return False
    except KeyboardInterrupt:
        tell(report, row, figures)
        raise
    finally:
        progress.end()
    tell(report, row, figures)
    return True


# ---- a bench of its own: ./dev bench NAME ----

def catch_signals():
    """However the bench is ended, its servers go too."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def ignore_signals():
    """While the servers are being ended: whoever presses ^C again would leave some of them."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def surroundings(root):
    """The facts that are known before there is a lab."""
    return {**machine(root), "processors busy at the start": busy_percent(), "nats-server": first_line("nats-server", "--version")}


def part_main(name, text, root, rows, size_of, lab_of, facts_of):
    """The whole of `./dev bench NAME`; the exit code. `size_of`, `lab_of`, `facts_of`: functions of whether it is a smoke run, of the
    size, and of lab and size."""
    parser = argparse.ArgumentParser(prog=f"./dev bench {name}", description=text)
    parser.add_argument("--smoke", action="store_true", help="seconds instead of minutes; the figures mean nothing")
    parser.add_argument("--only", "--row", choices=[row.name for row in rows], action="append", help="this part alone; may be given again")
    parser.add_argument("--out", required=True, help="folder of the result")
    options = parser.parse_args()
    size = size_of("smoke" if options.smoke else "full")
    wanted = [row for row in rows if not options.only or row.name in options.only]
    report = Report(name, options.out, judge=not options.smoke,
                    facts=surroundings(root))
    progress = Progress([(row.name, size.repeats * row.seconds(size)) for row in wanted])
    progress.say(f"{name}: {size.users} users, {size.repeats} repetitions")
    catch_signals()
    started, failed, lab = time.monotonic(), [], None
    try:
        lab = lab_of(size)
        report.facts.update({**disk(lab.folder), **facts_of(lab, size)})
        for row in wanted:
            if not measure(row, lab, size, report, progress):
                failed.append(row.name)
    except KeyboardInterrupt:
        ignore_signals()
        report.facts["interrupted"] = "what is missing was not measured; nothing was written"
        print(report.text())
        return 130
    finally:
        ignore_signals()
        if lab is not None:
            lab.close()
    report.facts["took"] = f"{time.monotonic() - started:.0f} s"
    report.facts["load at the end"] = machine(root)["load at the start"]
    paths = report.write()
    print(report.text())
    print("written: " + " ".join(paths))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
