"""Fixtures of the integration tests.

stack      one system for the whole run, for tests that break nothing and make users of their own
own_stack  makes systems for one test, which may kill what it likes: own_stack(gateways=2, celebrity_threshold=3)
api        client of the shared system's HTTP API (api.py); every answer is held against docs/openapi.yaml
database   statements on the shared system's database: database("SELECT …") gives rows
settled    waits until the shared system has worked off every event
played     the module's gateways, two of two event loops each, without a materializer: tests publish what it would, by
nats       its publisher.Publisher
whole      the module's system of two gateways and a materializer to which four followers make a celebrity
lab        the module's outbox_lab.Lab, made by its fixture `servers`, cleaned after each test
"""

import pytest

from harness import Stack
from harness.long_forms import pytest_collection_modifyitems, pytest_configure  # noqa: F401
from publisher import Publisher

_stacks = []  # those that run now, for the report of a failure


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections += [("ends of the logs", stack.tails()) for stack in _stacks]
        report.sections.append(("alone", f"./dev test {item.name.split('[')[0]}"))


@pytest.fixture(scope="session")
def stack():
    made = Stack()
    _stacks.append(made)
    yield made
    _stacks.remove(made)
    made.close()


@pytest.fixture
def own_stack():
    made = []

    def make(**options):
        stack = Stack(**options)
        made.append(stack)
        _stacks.append(stack)
        return stack

    try:
        yield make
        for stack in made:
            stack.close()
    finally:
        for stack in made:
            _stacks.remove(stack)
            stack.discard()


@pytest.fixture
def connect(stack):
    """connect(token, …): an open socket to the shared system, broken off after the test."""
    yield stack.connect
    stack.close_clients()


@pytest.fixture(scope="session")
def api(stack):
    from api import Api

    return Api(f"http://127.0.0.1:{stack.gateway.port}")


@pytest.fixture(scope="session")
def database(stack):
    def run(statement, *parameters):
        return stack.sql(statement, *parameters)

    return run


@pytest.fixture(scope="session")
def settled(stack):
    return stack.settled


@pytest.fixture(scope="module")
def played_system():
    with Stack(gateways=2, materializers=0) as made:
        made.publisher = Publisher(made.nats.url)
        yield made
        made.publisher.close()


@pytest.fixture
def played(played_system):
    yield played_system
    played_system.close_clients()


@pytest.fixture
def nats(played):
    return played.publisher


@pytest.fixture(scope="module")
def whole():
    with Stack(gateways=2, celebrity_threshold=3, celebrity_quiet="200ms") as made:
        yield made


@pytest.fixture
def lab(servers):
    """The module's outbox_lab.Lab, which its fixture `servers` makes, cleaned after each test."""
    yield servers
    servers.clean()
