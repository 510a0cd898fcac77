"""./dev bench: a short run works from end to end and leaves its three files. No time is asserted: that is the bench's own job."""

import json
import os
import subprocess
import xml.etree.ElementTree as tree

import pytest

from harness import BIN, ROOT


def bench(run_dir, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FRESHET_", "PG"))}
    environment.update(FRESHET_BIN_DIR=str(BIN), FRESHET_RUN_DIR=str(run_dir), FRESHET_NO_INSTALL="1")
    return subprocess.run([ROOT / "dev", "bench", *arguments], env=environment, capture_output=True, text=True, timeout=600,
                          check=False, stdin=subprocess.DEVNULL)


def test_without_a_name_it_lists_what_there_is(tmp_path):
    done = bench(tmp_path)
    assert done.returncode == 0 and "\n  materialise " in done.stdout and done.stderr == ""


@pytest.mark.parametrize("arguments, told", [
    (["frobnicate"], "bench: there is no bench 'frobnicate'; there is: materialise"),
    (["materialise", "--frob"], "--frob"),
    (["materialise", "--only", "frob"], "invalid choice: 'frob'"),
])
def test_wrong_usage(tmp_path, arguments, told):
    done = bench(tmp_path, *arguments)
    assert done.returncode == 2 and told in done.stderr and done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_short_run_of_materialise(tmp_path):
    done = bench(tmp_path, "materialise", "--smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "bench"
    result = json.loads((folder / "materialise.json").read_text())
    rows = {row["what"].strip(): row for row in result["rows"]}
    for what in ("whole pipeline, 2 workers, 20 % online", "whole pipeline, 1 worker", "whole pipeline, 4 workers",
                 "dead time after SIGKILL, the last partition", "a celebrity's post until told, 50 followers",
                 "a celebrity's post until told, 200 followers", "messages a post, 20 % online"):
        row = rows[what]
        assert all(value > 0 for value in row["measured"] + row["baseline"]), row
        assert row["kept"] is None  # the figures of a short run are not judged
        assert what in (folder / "materialise.txt").read_text()
    assert {"commit", "processor", "processors", "postgresql"} <= set(result["machine"])
    assert tree.parse(folder / "materialise.svg").getroot().tag.endswith("svg")
    # What was counted does not depend on the machine: everybody online is told of every post, once each.
    messages = rows["messages a post, 20 % online"]
    assert 5 <= messages["baseline"][0] <= 15  # 5 to 15 follows each, so as many followers on the average
