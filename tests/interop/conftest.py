"""One of each speaker for a whole run; they are asked one question after another. Where web/ is not built one test says so and fails, not
each that asks TypeScript."""

import pytest

import speakers


def pytest_collection_modifyitems(config, items):
    if speakers.typescript_is_built():
        return
    left = [item for item in items if "typescript" in item.name and "built" not in item.name]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def ask():
    """ask(name): the speaker, started when it is first asked."""
    started = {}

    def find(name):
        if name not in started:
            started[name] = speakers.speaker(name)
        return started[name]

    yield find
    for it in started.values():
        it.end()
