"""One of each speaker for a whole run; they are asked one question after another."""

import pytest

import speakers


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
