"""What growth, course and scale compute from what they measure, with figures whose result is known."""

import json
import sys
import types
import xml.etree.ElementTree as tree

import pytest

from harness import ROOT

sys.path.insert(0, str(ROOT / "bench"))

import course  # noqa: E402
import meter  # noqa: E402
import scale  # noqa: E402
import sheet  # noqa: E402


@pytest.mark.parametrize("power", [-1, -0.25, 0, 0.5, 1, 2])
def test_the_exponent_of_a_power_law_is_found(power):
    fit = meter.Fit([(x, 7 * x ** power) for x in (10, 20, 50, 100, 500)])
    assert fit.exponent == pytest.approx(power, abs=1e-9) and fit.error == pytest.approx(0, abs=1e-6)
    assert fit.scale == pytest.approx(7) and (fit.low, fit.high) == pytest.approx((10, 500))
    assert fit.text() == f"{power:+.2f} ± 0.00 within 10..500"


def test_an_exponent_says_how_far_it_is_to_be_trusted():
    straight, bent = ([(x, x * factor) for x, factor in zip((1, 10, 100, 1000), factors)] for factors in ((1, 1, 1, 1), (1, 2, 0.5, 1)))
    assert meter.Fit(straight).error < 1e-6 < 0.1 < meter.Fit(bent).error
    assert meter.Fit([(1, 1), (10, 100)]).error is None  # two points lie on every line


@pytest.mark.parametrize("points", [[], [(1, 1)], [(1, 1), (1, 2)], [(0, 1), (1, 1)], [(1, 0), (2, 0), (3, 1)]])
def test_what_has_no_exponent(points):
    """An x or y of 0 has no place on logarithmic axes."""
    with pytest.raises(ValueError):
        meter.Fit(points)


def test_the_fixed_part_and_the_slope_of_a_cost():
    assert meter.line_through([(x, 120 + 8 * x) for x in (10, 50, 500)]) == pytest.approx((120, 8))
    assert meter.line_through([(10, 5), (10, 5)]) == pytest.approx((5, 0))
    assert meter.line_through([(10, 0), (20, 0)]) == (0, 0)


def test_curves_become_text_json_and_plots(tmp_path):
    result = sheet.Sheet("trial", str(tmp_path), {"commit": "c"})
    result.sheet("A table", "what", "value").row("a line", 12)
    curve = sheet.Curve("cost", "us")
    for x in (0, 10, 100):
        curve.add(x, 5 + x)
        curve.add(x, 6 + x)
    result.curves("cost", "Cost", "things", [curve])
    result.curves("nothing", "Nothing", "things", [sheet.Curve("none", "us")])
    result.note("A note.")
    result.more["figures"] = [1]
    paths = result.write()
    assert sorted(path.rpartition("/")[2] for path in paths) == ["trial-cost.svg", "trial.json", "trial.txt"]
    assert tree.parse(tmp_path / "trial-cost.svg").getroot().tag.endswith("svg")
    assert json.loads((tmp_path / "trial.json").read_text())["figures"] == [1]
    text = (tmp_path / "trial.txt").read_text()
    assert "A table" in text and "a line  12" in text and text.rstrip().endswith("A note.")
    assert curve.medians == [(0, 5.5), (10, 15.5), (100, 105.5)]


def test_messages_and_their_listeners_are_counted(tmp_path):
    told = tmp_path / "told"
    # 1 and 2 are ordinary; 9 is a celebrity, of whose posts one came to somebody.
    told.write_text("1\t3\n2\t0\n1\t2\n9\t7\n9\t0\n")
    lab = types.SimpleNamespace(run=lambda sql, authors: [(number, {1: 10, 2: 20, 9: 1000}[number]) for number in authors])
    assert course.count_messages(lab, told, {9}, published=8) == {
        "published": 8, "with a listener": 3 + 2 + 1, "followers": 2 * 10 + 20 + 2 * 1000, "posts of celebrities": 2}


def test_every_line_of_scale_is_computed():
    assumptions = {name: value for name, (value, _) in scale.ASSUMPTIONS.items()}
    units = {name: {"value": 100.0, "unit": "us"} for name in scale.UNITS}
    small, great = (scale.compute(assumptions, units, users) for users in (1e6, 1e8))
    for (name, what, _, _), few, many in zip(scale.LINES, small, great):
        assert 0 < few and (few <= many or few == pytest.approx(many)), what
        if name in ("sockets", "posts", "rows", "messages", "pages", "storage", "log"):
            assert many == pytest.approx(100 * few), what  # the arithmetic is linear
    # Each unit cost and each assumption has an effect.
    formulas = " ".join(formula for _, _, _, formula in scale.LINES)
    assert [name for name in (*scale.UNITS, *scale.ASSUMPTIONS) if name not in formulas] == []


def test_tables_go_into_a_document_with_a_place_for_them(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- computed: begin -->\nold\n<!-- computed: end -->\nafter\n")
    scale.write_document(page, "new\n")
    assert page.read_text() == "before\n<!-- computed: begin -->\nnew\n<!-- computed: end -->\nafter\n"
    page.write_text("nothing\n")
    with pytest.raises(scale.Wrong):
        scale.write_document(page, "new\n")
    assert page.read_text() == "nothing\n"
    assert scale.DOCUMENT.read_text().count("<!-- computed: ") == 2
