"""How a bench takes its rows, judges them and tells of them: with rows that measure nothing, so that every verdict is known."""

import json
import sys
import types
import xml.etree.ElementTree as tree

import pytest

from harness import ROOT

sys.path.insert(0, str(ROOT / "bench"))

import measuring  # noqa: E402
import plots  # noqa: E402
import rows  # noqa: E402
import table  # noqa: E402


class Size:
    repeats, users = 3, 10


class Lab:
    """Says what was asked of it."""

    def __init__(self, folder):
        self.folder, self.done = folder, []

    def stop_gateways(self):
        self.done.append("stop")

    def stop_materializers(self):
        pass

    def kill_services(self):
        self.done.append("kill")

    def close(self):
        self.done.append("close")


class Kept(rows.Row):
    """Its ratio is 0.8; each figure differs from round to round."""
    name, title = "kept", "a row within its budget"
    lines = (rows.Line("things of {size.users} users", "ours", "/s", "theirs", "the others", rows.ratio_from(0.8)), rows.Line("  detail", "detail", "ms"))
    order = []

    @classmethod
    def seconds(cls, size):
        return 1

    def sides(self):
        return {"A": self.one, "B": self.other}

    def one(self):
        self.order.append("A")
        return {"ours": 80 + self.order.count("A"), "detail": [1, 2]}

    def other(self):
        self.order.append("B")
        return {"theirs": 100 + self.order.count("B")}

    def plots(self, figures):
        return [{"name": "curve", "title": "A <curve> & it's one", "x": [1, 10], "y_series": {"ours": [figures["ours"], None], "theirs": [3, (4, 3, 5)]},
                 "x_label": "users", "y_label": "things/s", "log_x": True, "limits": [([1, 2], "50 % of all")]}]


class Missed(Kept):
    name, title = "missed", "a row without"
    lines = (rows.Line("too slow", "ours", "/s", "theirs", "the others", rows.ratio_from(0.9)),)

    def plots(self, figures):
        return ()


class Failing(Missed):
    name = "failing"

    def other(self):
        raise RuntimeError("no others\nthere")


class NotThere(Missed):
    name = "not-there"

    def one(self):
        raise rows.Absent("nobody can")


class Interrupted(Missed):
    name = "interrupted"

    def one(self):
        if "A" in self.order:
            raise KeyboardInterrupt
        return super().one()


@pytest.fixture(name="bench")
def bench_of_fakes(tmp_path, monkeypatch, capsys):
    """A function of the rows and options: exit code, result or None, what was printed, the lab."""
    monkeypatch.setattr(rows, "busy_percent", lambda: 0)
    monkeypatch.setattr(rows, "catch_signals", lambda: None)
    for name in ("catch_signals", "ignore_signals"):
        monkeypatch.setattr(table, name, lambda: None)
    lab = Lab(str(tmp_path))
    group = types.ModuleType(__name__)
    group.SIZES, group.make_lab, group.facts_of = dict.fromkeys(("table", "quick", "smoke"), Size), lambda size: lab, lambda lab, size: {"data": "none"}
    monkeypatch.setattr(table, "GROUPS", ((group, 1),))
    monkeypatch.setattr(table, "CURVES", ())

    def run(*kinds, options=()):
        monkeypatch.setattr(Kept, "order", [])
        monkeypatch.setattr(table, "BUDGETS", kinds)
        monkeypatch.setattr(sys, "argv", ["table.py", "--out", str(tmp_path / "out"), *options])
        code = table.main()
        path = tmp_path / "out" / "bench.json"
        return code, json.loads(path.read_text()) if path.exists() else None, capsys.readouterr(), lab

    return run


def test_sides_take_turns_and_medians_are_judged(bench):
    code, result, said, lab = bench(Kept)
    assert code == 0 and Kept.order == ["A", "B", "B", "A", "A", "B"]
    assert result["rows"][0] == {"name": "kept", "what": "things of 10 users", "unit": "/s", "measured": [81, 82, 83], "baseline": [101, 102, 103],
                                 "baseline is": "the others", "ratio": 82 / 102, "budget": "at least 0.8", "kept": True}
    assert result["rows"][1]["measured"] == [1, 2] * 3
    lines = said.out.splitlines()
    row = next(line for line in lines if line.startswith("things of 10 users"))
    assert row.split("  ")[1:] and row.split() == "things of 10 users 82.0 (81.0-83.0) /s 102 (101-103) /s 0.80 at least 0.8 pass".split()
    assert "  kept         the others" in lines and not any("detail" in line for line in lines)
    assert lab.done == ["stop", "close"]


@pytest.mark.parametrize("kinds, options, code, told", [
    ((Kept,), ["--strict"], 0, "pass"),
    ((Kept, Missed), [], 0, "MISSED"),
    ((Kept, Missed), ["--strict"], 3, "MISSED"),
    ((Kept, Missed), ["--strict", "--row", "kept"], 0, "pass"),
    ((Kept, Missed), ["--strict", "--smoke"], 0, "at least 0.9"),  # not judged
    ((Missed, Failing), ["--strict"], 1, "failed: no others"),
    ((NotThere,), ["--strict"], 0, "not there: nobody can"),
])
def test_exit_codes(bench, kinds, options, code, told):
    got, result, said, lab = bench(*kinds, options=options)
    assert got == code and told in said.out and result is not None
    assert ("MISSED" in said.out) == (told == "MISSED" or Failing in kinds)
    assert lab.done[-1] == "close"


def test_a_row_that_fails_is_told_and_the_next_is_measured(bench):
    code, result, said, lab = bench(Failing, Kept)
    assert code == 1 and "failed: failing" in said.err
    assert [(row["name"], row["kept"]) for row in result["rows"]] == [("failing", None), ("kept", True), ("kept", None)]
    assert lab.done == ["kill", "stop", "close"]


def test_an_interrupted_run_prints_what_it_has_and_writes_nothing(bench):
    code, result, said, lab = bench(Kept, Interrupted, Missed)
    assert code == 130 and result is None
    assert "things of 10 users" in said.out and "interrupted" in said.out
    assert "\ntoo slow " not in said.out  # its measurement was broken off before the first was there
    assert lab.done == ["stop", "kill", "close"]


def test_what_was_measured_of_an_interrupted_row_is_told(bench):
    class Later(Missed):
        name = "later"

        def other(self):
            if len(self.order) > 2:
                raise KeyboardInterrupt
            return super().other()

    code, _, said, _ = bench(Later)
    assert code == 130 and "\ntoo slow " in said.out


def test_warnings(bench, monkeypatch):
    class Restless(Kept):
        name = "restless"

        def other(self):
            self.order.append("B")
            return {"theirs": 100 + 30 * self.order.count("B")}

    monkeypatch.setattr(rows, "busy_percent", lambda: 64)
    _, result, said, _ = bench(Kept, Restless)
    assert result["warnings"] == ["the machine was busy at the start (64 % of its processors): the figures are of what was left",
                                  "restless: its baseline (the others) lies 24 % apart from one repetition to the other; so does the ratio"]
    assert all(f"WARNING: {warning}" in said.out for warning in result["warnings"])
    assert f"WARNING: {result['warnings'][0]}" in said.err  # before the minutes are spent


def test_the_machine_is_described(bench):
    _, result, _, _ = bench(Kept)
    assert {"processor", "processors", "memory", "kernel", "commit", "nats-server", "load at the start", "processors busy at the start",
            "file system", "8 KB to the disk"} <= set(result["machine"])


def test_the_page_and_its_plots(bench, tmp_path):
    bench(Kept)
    folder = tmp_path / "out"
    text = (folder / "bench.html").read_text()
    assert '<td class="pass">pass</td>' in text and "81 82 83" in text
    for name in ("bench.svg", "bench-curve.svg"):
        assert f'<img src="{name}"' in text
        drawn = tree.parse(folder / name).getroot()
        assert drawn.tag.endswith("svg") and "prefers-color-scheme: dark" in "".join(drawn.itertext())
    texts = "".join(tree.parse(folder / "bench-curve.svg").getroot().itertext())
    for expected in ("A <curve> & it's one", "users", "things/s", "ours", "theirs", "50 % of all"):
        assert expected in texts


def test_without_gnuplot_everything_else_is_there(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "are_possible", lambda: False)
    code, result, said, _ = bench(Kept)
    assert code == 0 and result is not None and "no plots: gnuplot is missing (package gnuplot-nox)" in said.err
    assert (tmp_path / "out" / "bench.html").exists() and not list((tmp_path / "out").glob("*.svg"))


@pytest.mark.parametrize("x, series, options", [
    ([1, 2, 3], {"flat": [5, 5, 5]}, {}),
    ([1], {"a point": [5]}, {"log_x": True, "log_y": True}),
    ([0, 10, 100], {"zero has no logarithm": [0, 1, 2]}, {"log_x": True, "log_y": True}),
    ([0.001, 1e7], {"wide": [1e-6, 1e9]}, {"log_x": True, "log_y": True}),
    ([0, 1], {"zeros": [0, 0]}, {}),
    (list(range(1, 500)), {"many": list(range(499))}, {"x_ticks": [(1, "one"), (400, "99 %")]}),
])
def test_what_can_be_plotted(tmp_path, x, series, options):
    path = tmp_path / "plot.svg"
    plots.line_plot(path, "title", x, series, "x", "y", **options)
    texts = "".join(tree.parse(path).getroot().itertext())
    assert next(iter(series)) in texts
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_to_plot(tmp_path):
    with pytest.raises(ValueError, match="nothing to plot"):
        plots.line_plot(tmp_path / "plot.svg", "title", [1, 2], {"none": [None, None]}, "x", "y")


def test_the_time_left_follows_what_the_machine_takes(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(rows.time, "monotonic", lambda: now[0])
    progress = rows.Progress([("first", 10), ("second", 20), ("third", 30)])
    assert progress.remaining_s() == 60
    progress.begin("first", "…")
    assert progress.remaining_s() == 60
    now[0] += 4
    assert progress.remaining_s() == 56
    now[0] += 16
    progress.end()
    assert progress.remaining_s() == 100  # it takes twice as long here
    progress.begin("second", "…")
    now[0] += 30
    assert progress.remaining_s() == 70


def test_samples_show_their_spread():
    samples = measuring.Samples()
    samples.values = [12000, 10000, 11000]
    assert samples.text("/s") == "11k (10k-12k) /s"
