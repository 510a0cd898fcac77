"""Fixtures of the fault tests. They stand on the harness of the integration tests."""

import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from harness.long_forms import pytest_collection_modifyitems, pytest_configure  # noqa: E402,F401

SEED = os.environ.get("FRESHET_TEST_SEED") or str(random.SystemRandom().randrange(1000000))
LONG = bool(os.environ.get("FRESHET_TEST_FAULTS"))


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
