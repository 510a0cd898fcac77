"""Fixtures of the scenarios that every SDK must pass (README.md). They stand on the harness of the integration tests.

sdk     how the SDK of this run is driven (drivers.KINDS): each scenario runs once for each
drive   drive(): a driver, ended after the test; it must end well
system  a system for the scenarios of a file, which leave its processes alone
make_system, own_system  others: for a file, for one scenario
people  users of `system`
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from drivers import KINDS, Driver  # noqa: E402  (stands on the harness)
from harness import Stack  # noqa: E402
from harness.long_forms import pytest_collection_modifyitems, pytest_configure  # noqa: E402,F401
from people import People  # noqa: E402

_stacks = []  # those that run now, for the report of a failure


def pytest_generate_tests(metafunc):
    if "sdk" in metafunc.fixturenames:
        wanted = getattr(metafunc.module, "SDKS", [kind.name for kind in KINDS])
        metafunc.parametrize("sdk", [kind for kind in KINDS if kind.name in wanted], ids=str, scope="module")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections += [("ends of the logs", stack.tails()) for stack in _stacks]
        report.sections += [("what the driver said", driver.tail()) for driver in item.funcargs.get("_drivers", [])]
        report.sections.append(("alone", f"./dev test {item.name.split('[')[0]}"))


@pytest.fixture
def _drivers():
    return []


@pytest.fixture
def drive(sdk, _drivers):
    def make(**options):
        _drivers.append(Driver(sdk, **options))
        return _drivers[-1]

    try:
        yield make
        for driver in _drivers:
            driver.finish()
    finally:
        for driver in _drivers:
            driver.discard()


def _system(**settings):
    with Stack(**settings) as made:
        _stacks.append(made)
        try:
            yield made
        finally:
            _stacks.remove(made)


@pytest.fixture(scope="module")
def system():
    yield from _system()


@pytest.fixture(scope="session")
def make_system():
    """For fixtures of a module: `yield from make_system(**settings)`."""
    return _system


@pytest.fixture
def own_system():
    """own_system(**settings): for one scenario alone."""
    made = []

    def make(**settings):
        made.append(Stack(**settings))
        _stacks.append(made[-1])
        return made[-1]

    try:
        yield make
        for stack in made:
            stack.close()
    finally:
        for stack in made:
            _stacks.remove(stack)
            stack.discard()


@pytest.fixture
def people(system):
    return People(system)
