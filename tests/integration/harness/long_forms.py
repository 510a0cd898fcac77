"""Hooks of pytest that a conftest.py imports: long forms of tests run when they are asked for."""

import os
import signal

# marker: (the variable that asks for it, the option of ./dev test that sets that)
_FORMS = {"full": ("FRESHET_TEST_FULL", "--full"), "faults": ("FRESHET_TEST_FAULTS", "--faults")}


def pytest_configure(config):
    for marker, (_, option) in _FORMS.items():
        config.addinivalue_line("markers", f"{marker}: long form, only with ./dev test {option}")
    # An end by SIGTERM takes the servers down too, like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """Long forms that were not asked for are deselected, not skipped: they are not part of this run."""
    unwanted = [marker for marker, (variable, _) in _FORMS.items() if not os.environ.get(variable)]
    left = [item for item in items if any(item.get_closest_marker(marker) for marker in unwanted)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
