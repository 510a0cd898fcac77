"""Fixtures of the fault tests. They stand on the harness of the integration tests."""

import os
import pathlib
import random
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

SEED = os.environ.get("FRESHET_TEST_SEED") or str(random.SystemRandom().randrange(1000000))
LONG = bool(os.environ.get("FRESHET_TEST_FAULTS"))


def pytest_configure(config):
    config.addinivalue_line("markers", "faults: long form only, with ./dev test --faults")
    # An end by SIGTERM takes the servers down too, like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """Long forms that were not asked for are deselected, not skipped: they are not part of this run."""
    left = [item for item in items if item.get_closest_marker("faults") and not LONG]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        made = getattr(item, "funcargs", {}).get("scene")
        if made is not None and made.stack is not None:
            report.sections.append(("ends of the logs", made.stack.tails()))
        report.sections.append(("alone", f"FRESHET_TEST_SEED={SEED} ./dev test {item.name.split('[')[-1].rstrip(']')}"))


@pytest.fixture
def scene(request):
    from scene import Scene

    made = Scene(request.node.name, SEED, LONG)
    try:
        yield made
    finally:
        made.close()
