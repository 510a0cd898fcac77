"""docs/errors.md and the codes in it, held against pkg/http/problems.def, which the gateway is built from."""

import collections
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
Problem = collections.namedtuple("Problem", "code status slug title")


def defined():
    text = (ROOT / "pkg" / "http" / "problems.def").read_text(encoding="utf-8")
    found = re.findall(r'^FR_PROBLEM\(\w+, (\d+), (\d+), "([^"]*)", "([^"]*)", "[^"]+"\)$', text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^FR_PROBLEM\(", text, re.MULTILINE)), "a line of the table has another form"
    return [Problem(int(code), int(status), slug, title) for status, code, slug, title in found]


def documented():
    rows = {}
    for line in (ROOT / "docs" / "errors.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 6 and cells[0].isdigit():
            problem = Problem(int(cells[0]), int(cells[1]), cells[2].strip("`"), cells[3])
            assert problem.code not in rows, f"errors.md has {problem.code} twice"
            assert cells[4] and cells[5], f"errors.md does not say when {problem.code} comes, or what to do"
            rows[problem.code] = problem
    return rows


def test_every_problem_is_documented_as_it_is():
    assert sorted(documented().values()) == sorted(defined())


def test_codes_and_types_are_unique():
    for name in ("code", "slug"):
        counted = collections.Counter(getattr(problem, name) for problem in defined())
        assert [value for value, times in counted.items() if times > 1] == [], name
    for problem in defined():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.slug), problem
        assert 400 <= problem.status <= 599, problem


def test_what_clients_know_stays():
    """A problem that is in the list stays, and never means something else; a new one is added to the list."""
    kept = {}
    for line in (ROOT / "tests" / "contract" / "problems.kept").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            code, status, slug = line.split()
            assert int(code) not in kept and slug not in [other for _, other in kept.values()], f"{line}: listed twice"
            kept[int(code)] = (int(status), slug)
    for problem in defined():
        assert kept.get(problem.code) == (problem.status, problem.slug), \
            f"{problem} is not what tests/contract/problems.kept says of {problem.code}"
    missing = set(kept) - {problem.code for problem in defined()}
    assert not missing, f"{missing} went out of problems.def"
