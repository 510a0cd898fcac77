"""Contract tests: the documents that clients go by, held against the programs. They stand on the harness of the integration tests."""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))


def pytest_configure(config):
    # An end by SIGTERM takes the servers down too, like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
