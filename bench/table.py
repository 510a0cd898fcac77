#!/usr/bin/python3
"""./dev bench: how fast Freshet is on this machine, against what limit, and how cost grows. Every row of the table of budgets, each
beside a baseline of the same run, and curves; about ten minutes on two processors that do nothing else."""

import argparse
import os
import sys
import time

import gateway
import materialise
from lab import ROOT
from measuring import Report, aligned, disk, machine
from rows import Progress, catch_signals, duration, ignore_signals, measure, surroundings

# The budgets, in DESIGN's order.
BUDGETS = (materialise.Materialise, gateway.PostCreate, gateway.PageWarm, gateway.PageCold, gateway.AcceptedToFrame, gateway.Deliveries,
           gateway.Celebrity, gateway.Idle, gateway.Resume, materialise.TakeOver)
CURVES = (materialise.BatchSize, materialise.Celebrities, gateway.Connections, gateway.Memory)
# Each with data of its own.
GROUPS = ((materialise, 30), (gateway, 12))

EXIT_CODES = """exit codes:
  0    measured, whatever the verdicts
  1    a row failed; or there were no servers or no data to measure with
  2    wrong usage
  3    with --strict: a budget was missed
  130  interrupted: what was measured until then is printed, nothing is written"""


def list_rows():
    size = {group: group.SIZES["table"] for group, _ in GROUPS}
    lines = []
    for kind in BUDGETS:
        for line in kind.lines:
            if line.budget is not None:
                what = kind.title if line is kind.lines[0] else ""
                lines.append((kind.name if what else "", what, line.baseline_is or "-", line.budget.text))
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    print("Rows, each with its baseline and its budget:")
    for line in lines:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths)) + "  " + line[3])
    print("Curves:")
    for kind in CURVES:
        print(f"  {kind.name.ljust(widths[0])}  {kind.title}")
    seconds = sum(planned_s for _, planned_s in plan(BUDGETS + CURVES, size))
    print(f"All of it takes about {duration(seconds)}.")


def group_of(kind):
    return next(group for group, _ in GROUPS if kind.__module__ == group.__name__)


def plan(kinds, size):
    """[(name, seconds)]: the making of the data and the rows, in the order of the run."""
    planned = []
    for group, data_s in GROUPS:
        mine = [kind for kind in kinds if group_of(kind) is group]
        if mine:
            planned.append((data_name(group), data_s if size[group].users > 1000 else 8))
            planned += [(kind.name, repeats_of(kind, size[group]) * kind.seconds(size[group])) for kind in mine]
    return planned


def repeats_of(kind, size):
    return kind(None, size).repeats()


def data_name(group):
    return f"data for {group.__name__}"


def run(kinds, size, report, progress):
    """The names of the rows that failed."""
    failed = []
    for group, _ in GROUPS:
        mine = [kind for kind in kinds if group_of(kind) is group]
        if not mine:
            continue
        lab = None
        progress.begin(data_name(group), f"servers, {size[group].users} users and what they follow")
        try:
            lab = group.make_lab(size[group])
            report.facts.update(disk(lab.folder))
            facts = group.facts_of(lab, size[group])
            report.facts[data_name(group)] = facts.pop("data")
            report.facts.update(facts)
            progress.end()
            for kind in mine:
                if not measure(kind, lab, size[group], report, progress):
                    failed.append(kind.name)
        finally:
            # Whoever presses ^C again while the servers are being ended would leave some of them.
            ignore_signals()
            if lab is not None:
                lab.close()
        catch_signals()
    return failed


def in_order(report):
    """The rows as the table of budgets has them, whatever the order of the run; then those of the curves."""
    place = {kind.name: number for number, kind in enumerate(BUDGETS + CURVES)}
    report.rows.sort(key=lambda row: place[row["name"]])


def is_judged(row):
    return row["name"] in {kind.name for kind in BUDGETS} and (row["budget"] is not None or row.get("why") is not None)


def table_text(report):
    """For standard output: the rows with budgets, without what is only detail."""
    judged = [row for row in report.rows if is_judged(row)]
    if not judged:
        return "no row with a budget was measured"
    facts = report.facts
    lines = [f"Freshet {facts['commit']} on {facts['processors']} x {facts['processor']}, {facts['memory']}, Linux {facts['kernel']}", ""]
    cells = []
    for row in judged:
        what, measured, baseline, *others = row["cells"]
        # What the baseline is stands below the table.
        cells.append((what, measured, baseline.removesuffix(f", {row['baseline is']}"), *others))
    lines += aligned(report.COLUMNS, cells) + ["", "Medians, with the least and the greatest of the repetitions in brackets. Baselines:"]
    lines += [f"  {name.ljust(11)}  {baseline}" for name, baseline in
              {row["name"]: row["baseline is"] for row in judged if row["baseline is"]}.items()]
    return "\n".join(lines + report.footnotes())


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__, epilog=EXIT_CODES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [kind.name for kind in BUDGETS + CURVES]
    parser.add_argument("--row", choices=names, action="append", metavar="NAME", help="this row alone; may be given again")
    parser.add_argument("--list", action="store_true", help="the rows and what they are held against, and nothing else")
    parser.add_argument("--quick", action="store_true", help="each row once and shorter, and no curves: about three minutes")
    parser.add_argument("--smoke", action="store_true", help="see that it works, in a minute; the figures mean nothing")
    parser.add_argument("--strict", action="store_true", help="exit code 3 if a budget was missed")
    parser.add_argument("--out", required=True, help="folder of the result")
    options = parser.parse_args()
    if options.list:
        list_rows()
        return 0
    kind_of_size = "smoke" if options.smoke else "quick" if options.quick else "table"
    size = {group: group.SIZES[kind_of_size] for group, _ in GROUPS}
    kinds = [kind for kind in BUDGETS + (() if options.quick and not options.row else CURVES) if not options.row or kind.name in options.row]
    catch_signals()
    started, report = time.monotonic(), None
    try:
        report = Report("bench", options.out, surroundings(ROOT), judge=not options.smoke)
        progress = Progress(plan(kinds, size))
        progress.say(f"{len(kinds)} rows and curves, about {duration(progress.remaining_s())}; leave the machine alone meanwhile")
        for warning in report.warnings():
            progress.say(f"WARNING: {warning}")
        failed = run(kinds, size, report, progress)
    except KeyboardInterrupt:
        ignore_signals()
        if report is not None:
            in_order(report)
            print(table_text(report) + "\ninterrupted: the rest was not measured, and nothing was written")
        return 130
    report.facts["took"] = f"{time.monotonic() - started:.0f} s"
    report.facts["load at the end"] = machine(ROOT)["load at the start"]
    report.more["repetitions"] = {kind.name: repeats_of(kind, size[group_of(kind)]) for kind in kinds}
    in_order(report)
    paths = report.write()
    print(table_text(report))
    print(f"Everything that was measured, and plots: {os.path.join(options.out, 'bench.html')}")
    print("written: " + " ".join(paths), file=sys.stderr)
    missed = [row["what"].strip() for row in report.rows if is_judged(row) and row["kept"] is False]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
        return 1
    return 3 if options.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main())
