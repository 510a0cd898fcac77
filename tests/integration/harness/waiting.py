"""Tests wait for conditions; a pause is never the condition."""

import time

PATIENCE = 60  # s; how long something may take on a busy machine under a sanitizer before it counts as never


def eventually(condition, timeout=PATIENCE, what=None, every=0.02):
    """Calls `condition` until it returns something true, and returns that. An AssertionError of its own counts as
    "not yet"; at the end it is what the test fails with."""
    end = time.monotonic() + timeout
    while True:
        problem = None
        try:
            result = condition()
            if result:
                return result
        except AssertionError as error:
            problem = error
        if time.monotonic() >= end:
            if problem is not None:
                raise problem
            raise AssertionError(f"not within {timeout} s: {what or getattr(condition, '__name__', condition)}")
        time.sleep(every)
