"""./dev bench: a short run works from end to end and leaves its files. No time is asserted: that is the bench's own job. How rows are
judged and told is in test_bench_rows.py."""

import json
import os
import re
import signal
import subprocess
import urllib.request
import uuid
import xml.etree.ElementTree as tree

import pytest

from harness import BIN, ROOT, Stack, eventually, free_port

BUDGETS = ("materialise", "create", "page-warm", "page-cold", "frame", "deliveries", "celebrity", "idle", "resume", "take-over")
CURVES = ("batch-size", "celebrities", "connections", "memory")


def surroundings(run_dir, **more):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FRESHET_", "PG"))}
    return {**environment, "FRESHET_BIN_DIR": str(BIN), "FRESHET_RUN_DIR": str(run_dir), "FRESHET_NO_INSTALL": "1", **more}


def bench(run_dir, *arguments):
    return subprocess.run([ROOT / "dev", "bench", *arguments], env=surroundings(run_dir), capture_output=True, text=True, timeout=600,
                          check=False, stdin=subprocess.DEVNULL)


def test_the_list_has_every_row_and_every_part(tmp_path):
    done = bench(tmp_path, "--list")
    assert done.returncode == 0 and done.stderr == ""
    benches = ("materialise", "gateway", "soak", "course", "evolution", "growth", "scale")
    assert all(f"\n  {name} " in done.stdout for name in (*BUDGETS, *CURVES, *benches))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments, told", [
    (["frobnicate"], "bench: there is no bench 'frobnicate'; there is: materialise gateway soak"),
    (["--frob"], "--frob"),
    (["--row", "frob"], "invalid choice: 'frob'"),
    (["materialise", "--frob"], "--frob"),
    (["materialise", "--only", "frob"], "invalid choice: 'frob'"),
    (["gateway", "--only", "frob"], "invalid choice: 'frob'"),
    (["soak"], "the following arguments are required: --follows"),
    (["soak", "--follows", "/nonexistent/file"], "--follows: there is no file"),
    (["soak", "--follows", "/dev/null", "--rate", "0"], "must be greater than 0"),
    (["course", "--pages-of", "frob"], "invalid choice: 'frob'"),
    (["evolution", "--frob"], "--frob"),
    (["growth", "--only", "frob"], "invalid choice: 'frob'"),
    (["scale", "--set", "frob=1"], "must be NAME=VALUE, with one of online_share, "),
    (["scale", "--set", "peak=0"], "peak must be a number above 0"),
    (["scale", "--set", "peak=2", "--write"], "without --set"),
])
def test_wrong_usage(tmp_path, arguments, told):
    done = bench(tmp_path, *arguments)
    assert done.returncode == 2 and told in done.stderr and done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_short_run_of_everything(tmp_path):
    done = bench(tmp_path, "--smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "bench"
    result = json.loads((folder / "bench.json").read_text())
    rows = {}
    for row in result["rows"]:
        rows.setdefault(row["name"], []).append(row)
    # The budgets in DESIGN's order, then the curves that have lines too.
    assert tuple(rows) == (*BUDGETS, "celebrities"), done.stderr
    for name in BUDGETS:
        budgets = [row for row in rows[name] if row["budget"] is not None]
        assert budgets and all(row["measured"] and row["kept"] is None for row in budgets), rows[name]  # a short run is not judged
        assert all(row["baseline"] for row in budgets if row["baseline is"]), rows[name]
        assert all(row["what"] in done.stdout and row["budget"] in done.stdout for row in budgets)
    assert {"commit", "processor", "processors", "memory", "kernel", "postgresql", "nats-server", "8 KB to the disk"} <= set(result["machine"])
    assert {plot["name"] for plot in result["plots"]} == {"batch-size", "followers", "latency", "connections", "memory"}
    page = (folder / "bench.html").read_text()
    for plot in result["plots"]:
        texts = "".join(tree.parse(folder / f"bench-{plot['name']}.svg").getroot().itertext())
        assert plot["title"] in texts and plot["x_label"] in texts and plot["y_label"] in texts
        assert f'src="bench-{plot["name"]}.svg"' in page
        assert all(text in texts for _, text in plot["limits"])
    # The distribution only rises. A frame may come before the answer to its post does, which counts as at once.
    latency = next(plot for plot in result["plots"] if plot["name"] == "latency")["y_series"]
    assert all(values == sorted(values) and values[0] >= 0 < values[-1] for values in latency.values()) and len(latency) == 2
    # Nothing but the table on standard output; what was measured when on the other.
    assert "[1/16]" in done.stderr and "until the end" in done.stderr and "[1/16]" not in done.stdout


def marked(mark):
    """{pid: command} of whatever has the mark in its environment."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as environ, open(f"/proc/{pid}/cmdline", "rb") as command:
                if mark.encode() in environ.read():
                    found[pid] = command.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            pass
    return found


@pytest.mark.parametrize("whom, what, where", [
    ("group", "freshetctl", "data for materialise"),       # as ^C at a terminal does
    ("group", "wsbench", "connections, 1 of 1"),
    ("bench", "h2load", "page-warm, 1 of 1: page"),        # as kill does: nobody else is told
    ("bench", "freshet-materializer", "take-over, 1 of 1"),
])
def test_interrupted_it_leaves_nothing(tmp_path, whom, what, where):
    mark, log = f"freshet-bench-mark={uuid.uuid4()}", tmp_path / "stderr"
    name, value = mark.split("=")
    row = {"data for materialise": "materialise"}.get(where, where.partition(",")[0])
    with open(log, "w", encoding="utf-8") as out, subprocess.Popen(
            [ROOT / "dev", "bench", "--smoke", "--row", row], env=surroundings(tmp_path / "run", **{name: value}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=out, text=True, start_new_session=True) as child:
        eventually(lambda: where in log.read_text() and any(what in command for command in marked(mark).values()), what=f"{where}: {what}", every=0.005)
        (os.killpg if whom == "group" else os.kill)(child.pid, signal.SIGINT)
        said, _ = child.communicate(timeout=60)
    assert child.returncode == 130, log.read_text()
    assert "interrupted" in said
    eventually(lambda: not marked(mark), timeout=10, what=f"the end of {marked(mark)}")
    assert not (tmp_path / "run" / "bench").exists()


def test_a_short_run_of_materialise(tmp_path):
    done = bench(tmp_path, "materialise", "--smoke", "--only", "throughput", "--only", "messages", "--only", "look-up")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "bench"
    result = json.loads((folder / "materialise.json").read_text())
    rows = {row["what"].strip(): row for row in result["rows"]}
    for what in ("whole pipeline, 2 workers, 20 % online", "whole pipeline, 1 worker", "whole pipeline, 4 workers",
                 "messages a post, 20 % online", "recipients of 20 posts, 20 % online"):
        row = rows[what]
        assert all(value > 0 for value in row["measured"] + row["baseline"]), row
        assert row["kept"] is None  # the figures of a short run are not judged
        assert what in (folder / "materialise.txt").read_text()
    assert {"commit", "processor", "processors", "postgresql"} <= set(result["machine"])
    assert tree.parse(folder / "materialise.svg").getroot().tag.endswith("svg")
    # What was counted does not depend on the machine: everybody online is told of every post, once each.
    messages = rows["messages a post, 20 % online"]
    assert 5 <= messages["baseline"][0] <= 15  # 5 to 15 follows each, so as many followers on the average


def test_a_short_run_of_gateway(tmp_path):
    done = bench(tmp_path, "gateway", "--smoke", "--only", "page-cold", "--only", "slow", "--only", "idle")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "bench"
    result = json.loads((folder / "gateway.json").read_text())
    rows = {row["what"].strip(): row for row in result["rows"]}
    row = rows["page of 20, cold: nothing kept by the gateway"]
    assert all(value > 0 for value in row["measured"] + row["baseline"]), row
    assert row["kept"] is None  # the figures of a short run are not judged
    assert row["what"] in (folder / "gateway.txt").read_text()
    assert rows["memory of an idle socket, plain, 200 of them"]["measured"]
    row = rows["accepted to frame beside 5 % of 100 who do not read, p99"]
    assert all(value > 0 for value in row["measured"] + row["baseline"]), row
    assert rows["of these cut off meanwhile"]["measured"] == [100]
    assert rows["memory of an idle event stream, 100 on each HTTP/2 connection, 200 of them"]["measured"]
    assert len(rows) == 10 and {row["name"] for row in rows.values()} == {"page-cold", "slow", "idle"}
    assert tree.parse(folder / "gateway.svg").getroot().tag.endswith("svg")


def test_a_short_soak(tmp_path):
    follows = tmp_path / "follows"
    follows.write_text("".join(f"{a}\t{b}\n" for a in range(1, 41) for b in range(1, 41) if a != b and (a + b) % 3 == 0))
    done = bench(tmp_path, "soak", "--follows", str(follows), "--clients", "20", "--rate", "30", "--seconds", "3", "--every", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no error, and every client's set is its page's" in done.stdout
    result = json.loads((tmp_path / "bench" / "soak.json").read_text())
    assert result["wsbench"]["posts_accepted"] == 90 and result["problems"] == []
    assert result["compared"] == result["wsbench"]["deliveries"] > 0
    assert set(result["growth"]) == {"gateway", "materializer", "nats-server"}


def test_a_short_run_of_the_course(tmp_path):
    done = bench(tmp_path, "course", "--smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "bench" / "course.json").read_text())
    assert [(stage["pages for a post"], stage["users"]) for stage in result["stages"]] == [(10, 1), (10, 10), (1, 1), (1, 10)]
    pages = {10: 0, 1: 0}
    posts = dict(pages)
    for stage in result["stages"]:
        measured = stage["wsbench"]
        assert measured["posts_failed"] == measured["pages_failed"] == stage["error percent"] == 0
        assert measured["lost"] == measured["doubled"] == measured["foreign"] == measured["out_of_order"] == 0
        assert {"p50", "p99"} <= set(measured["page_answered_ms"]) & set(measured["post_answered_ms"]) & set(measured["opening_ms"])
        # All that was published for somebody is either come or of those who can't be told of one by one.
        assert 0 <= stage["with a listener"] <= stage["published"] <= stage["followers"] + stage["posts of celebrities"]
        pages[stage["pages for a post"]] += measured["pages_read"]
        posts[stage["pages for a post"]] += measured["posts_accepted"]
    assert pages[10] > 5 * posts[10] and 0.5 * posts[1] < pages[1] < 2 * posts[1]
    # The reports' figures stand beside, marked as theirs.
    text = (tmp_path / "bench" / "course.txt").read_text()
    assert "the reports, other machines" in text and "31-35" in text and "0.3-0.6 %" in text


def test_a_short_run_of_evolution(tmp_path):
    done = bench(tmp_path, "evolution", "--smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads((tmp_path / "bench" / "evolution.json").read_text())["steps"]
    assert list(steps) == ["pull at read", "fan-out in the request", "queue and workers", "celebrities left out", "Freshet"]
    assert all(value > 0 for step in steps.values() for values in step.values() for value in values)
    # What does not depend on the machine: pulling writes the post alone, and fan-out a row for each follower too.
    rows = {name: step["rows a post"][0] for name, step in steps.items()}
    assert rows["pull at read"] == 1 and all(rows[name] > 5 for name in rows if name != "pull at read")
    assert "on pages after" in (tmp_path / "bench" / "evolution.txt").read_text()


@pytest.mark.parametrize("part, curves", [
    ("fan-out", ["post: processor", "row: elapsed", "post: messages"]),
    ("users", ["page, cold: PostgreSQL", "post: write-ahead log", "materialised row: processor", "size of a feed row"]),
    ("connections", ["attach: processor", "memory of a socket, gateway", "delivery: processor"]),
    ("celebrities", ["page: PostgreSQL", "attach: elapsed, p50"]),
])
def test_a_short_run_of_growth(tmp_path, part, curves):
    done = bench(tmp_path, "growth", "--smoke", "--only", part)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "bench"
    growth = json.loads((folder / "growth.json").read_text())["growth"][part]
    found = {curve["name"]: curve for curve in growth["curves"]}
    assert set(curves) <= set(found)
    assert "exponent" in (folder / "growth.txt").read_text()
    plots = list(folder.glob(f"growth-{part}-*.svg"))
    assert plots and all(tree.parse(plot).getroot().tag.endswith("svg") for plot in plots)
    if part == "fan-out":  # counted, not measured: a row of the log for each follower at least
        log = found["post: write-ahead log"]
        assert log["exponent"]["value"] > 0 and [log["exponent"][end] for end in ("from", "to")] == pytest.approx([2, 20])


def unit_costs(path, value=10.0, **more):
    """A growth.json in which everything costs the same."""
    names = re.findall(r'": "([^"]+)"', (ROOT / "bench" / "scale.py").read_text().partition("UNITS = {")[2].partition("\n}")[0])
    path.write_text(json.dumps({"machine": {"when": "2026-01-01T00:00:00Z", "commit": "c", "processor": "p", "processors": 2,
                                            "load at the start": "0 0 0"},
                                "units": {name: {"value": value, "unit": "us", "from": "a row"} for name in names}, **more}))
    return path


def test_scale_carries_unit_costs(tmp_path):
    units = unit_costs(tmp_path / "units")
    done = bench(tmp_path, "scale", f"--units={units}", "--set=online_share=0.5", "--set=consumers_a_cell=10000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| sockets at the peak | 500,000 | 5,000,000 | 50,000,000 | `users * online_share` = `sockets` |" in done.stdout
    assert "| cells | 50 | 500 | 5,000 |" in done.stdout and "| `online_share` | 0.5 |" in done.stdout


def test_scale_refuses_what_is_not_measured(tmp_path):
    done = bench(tmp_path, "scale")
    assert done.returncode == 1 and "run ./dev bench growth before" in done.stderr and done.stdout == ""
    half = unit_costs(tmp_path / "half")
    content = json.loads(half.read_text())
    del content["units"]["post, gateway"]
    half.write_text(json.dumps(content))
    done = bench(tmp_path, "scale", f"--units={half}")
    assert done.returncode == 1 and "lacks: post, gateway" in done.stderr
    done = bench(tmp_path, "scale", f"--units={unit_costs(tmp_path / 'smoke', smoke=True)}", "--write")
    assert done.returncode == 1 and "mean nothing: not written" in done.stderr


# ---- wsbench ----

def wsbench(*arguments):
    return subprocess.run([BIN / "wsbench", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False,
                          stdin=subprocess.DEVNULL)


def write_tokens(path, users, mint=lambda user: f"token-of-{user}"):
    path.write_text("".join(f"{user}\t{mint(user)}\n" for user in users))
    return path


@pytest.fixture(name="bare")
def bare_server():
    """wsbench serve: its address."""
    with subprocess.Popen([BIN / "wsbench", "serve"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        child.terminate()
        assert child.wait(30) == 0


@pytest.fixture(name="live", scope="module")
def live_stack():
    with Stack() as stack:
        users = stack.make_users(30)
        stack.make_follows((reader, author) for reader in users for author in users if (reader + author) % 4 == 0 and reader != author)
        yield stack


def files_of(stack, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(stack.ctl("token", "mint", "1..30").stdout)
    follows = tmp_path / "follows"
    follows.write_text("".join(f"{a}\t{b}\n" for a, b in stack.sql("SELECT follower_id, followed_id FROM followees")))
    return tokens, follows


def test_help_names_every_option():
    done = wsbench("--help")
    assert done.returncode == 0 and done.stderr == ""
    for option in ("--url", "--tokens", "--carrier", "--streams", "--deaf", "--follows", "--one-by-one", "--expect", "--step", "--received", "--pid", "--json",
                   "--listen"):
        assert f"\n  {option}" in done.stdout, option
    assert "Exit codes" in done.stdout


@pytest.mark.parametrize("carrier, streams", [("plain", 0), ("json", 0), ("protobuf", 0), ("sse", 0), ("stream", 0), ("sse", 20), ("stream", 20)])
def test_each_post_comes_once_to_each_who_follows(live, tmp_path, carrier, streams):
    tokens, follows = files_of(live, tmp_path)
    done = wsbench("live", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", f"--follows={follows}", "--sockets=45",
                   "--threads=2", f"--carrier={carrier}", f"--streams={streams}", "--posts=40", "--rate=100", f"--pid={live.gateway.pid}",
                   f"--json={tmp_path / 'json'}", f"--received={tmp_path / 'received'}", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "json").read_text())
    assert result["posts_accepted"] == 40 and result["deliveries"] > 0
    assert [result[name] for name in ("lost", "doubled", "foreign", "out_of_order", "ended_by_the_server")] == [0] * 5
    times = result["accepted_to_frame_ms"]
    assert times["count"] == result["deliveries"] == sum(count for _, count in times["buckets"])
    assert times["buckets"] == sorted(times["buckets"]) and times["buckets"][-1][0] >= times["max"] >= times["p50"]
    received = [line.split("\t") for line in (tmp_path / "received").read_text().splitlines()]
    # 45 connections of 30 people: the first 15 have two, and both get everything.
    assert len(received) == 45 and received[:15] == received[30:]
    assert sum(len(numbers.split()) for _, numbers in received) == result["deliveries"]


def test_pages_between_posts(live, tmp_path):
    tokens, follows = files_of(live, tmp_path)
    done = wsbench("live", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", f"--follows={follows}", "--sockets=30",
                   "--posts=40", "--pages=5", "--connections=4", f"--json={tmp_path / 'json'}", f"--told={tmp_path / 'told'}", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "json").read_text())
    assert result["posts_accepted"] == 40 and result["pages_read"] > 80 and result["pages_failed"] == 0
    assert result["page_answered_ms"]["count"] == result["pages_read"] and result["post_answered_ms"]["count"] == 40
    told = [tuple(map(int, line.split("\t"))) for line in (tmp_path / "told").read_text().splitlines()]
    followers = dict(live.sql("SELECT followed_id, count(*)::integer FROM followees GROUP BY followed_id"))
    # All thirty are connected, once each: so each post came to as many as follow its author.
    assert len(told) == 40 and all(got == followers.get(author, 0) for author, got in told)
    assert sum(got for _, got in told) == result["deliveries"]


@pytest.mark.parametrize("carrier, streams", [("json", 0), ("protobuf", 0), ("sse", 0), ("stream", 0), ("sse", 7), ("stream", 30)])
def test_all_come_back_with_their_cursors(live, tmp_path, carrier, streams):
    tokens, follows = files_of(live, tmp_path)
    done = wsbench("resume", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", f"--follows={follows}", "--sockets=30",
                   f"--carrier={carrier}", f"--streams={streams}", "--posts=20", "--rounds=2", f"--json={tmp_path / 'json'}", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "json").read_text())
    assert result["resumed"] == 60 and result["reset"] == 0 and result["all_back_ms"]["count"] == 2
    assert result["posts_accepted"] == 40 and result["deliveries"] > 0 and result["lost"] == result["doubled"] == 0


def test_memory_of_idle_connections_is_told(live, tmp_path):
    tokens, _ = files_of(live, tmp_path)
    done = wsbench("idle", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", "--sockets=30", "--seconds=1",
                   f"--pid={live.gateway.pid}", f"--json={tmp_path / 'json'}", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "json").read_text())
    assert result["server_open"]["rss"] > 0 and "own_bytes_per_socket" in result


def test_the_echo_of_a_gateway(tmp_path):
    with Stack(materializers=0, gateway_settings={"debug_echo": "on"}) as stack:
        done = wsbench("echo", f"--url=http://127.0.0.1:{stack.gateway.admin_port}", "--sockets=20", "--rate=200", "--seconds=1",
                       "--text-size=1000", f"--json={tmp_path / 'json'}", "--quiet")
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads((tmp_path / "json").read_text())["echoes"] > 0


def test_an_echo_and_a_loop_of_write(bare, tmp_path):
    done = wsbench("echo", f"--url={bare}", "--path=/", "--sockets=20", "--rate=200", "--seconds=1", f"--json={tmp_path / 'json'}", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "json").read_text())["echoes"] > 0
    tokens = write_tokens(tmp_path / "tokens", range(1, 21))
    done = wsbench("live", f"--url={bare}", f"--tokens={tokens}", "--sockets=20", "--posts=5", "--one-by-one", f"--json={tmp_path / 'json'}",
                   "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "json").read_text())
    assert result["deliveries"] == 100 and result["first_to_last_ms"]["count"] == 5


def test_what_comes_to_the_wrong_ones_is_found(bare, tmp_path):
    """The bare server sends everything to everybody."""
    tokens = write_tokens(tmp_path / "tokens", range(1, 4))
    follows = tmp_path / "follows"
    follows.write_text("1\t2\n")
    done = wsbench("live", f"--url={bare}", f"--tokens={tokens}", f"--follows={follows}", "--sockets=3", "--posts=10", "--quiet",
                   f"--json={tmp_path / 'json'}")
    assert done.returncode == 3 and "was for somebody else" in done.stderr
    result = json.loads((tmp_path / "json").read_text())
    assert result["foreign"] > 0 and result["lost"] == result["doubled"] == 0


def test_what_does_not_come_is_found(bare, tmp_path):
    tokens = write_tokens(tmp_path / "tokens", [7])
    done = wsbench("live", f"--url={bare}", f"--tokens={tokens}", "--sockets=2", "--expect=3", "--run=1", "--patience=1", "--quiet")
    assert done.returncode == 3 and "reader 7" in done.stderr and "did not come" in done.stderr
    assert "\nlost                       6\n" in done.stdout


def test_who_does_not_read_is_not_waited_for(live, tmp_path):
    tokens, follows = files_of(live, tmp_path)
    done = wsbench("live", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", f"--follows={follows}", "--sockets=40",
                   "--deaf=25", "--posts=20", "--rate=100", f"--json={tmp_path / 'json'}", f"--received={tmp_path / 'received'}", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "json").read_text())
    assert result["deaf"] == 10 and result["lost"] == 0 and result["deliveries"] > 0
    received = [line.split("\t")[1] for line in (tmp_path / "received").read_text().splitlines()]
    assert received[::4] == [""] * 10 and any(received[1::4])


def test_refusals_and_absences(live, tmp_path):
    tokens = write_tokens(tmp_path / "tokens", [1])
    done = wsbench("idle", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", "--sockets=2", "--quiet")
    assert done.returncode == 1 and "answered with 401 instead of 101" in done.stderr
    done = wsbench("idle", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", "--sockets=2", "--carrier=sse", "--streams=2", "--quiet")
    assert done.returncode == 1 and "answered with 401 instead of 200" in done.stderr
    done = wsbench("http", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", "--posts=3", "--connections=2")
    assert done.returncode == 1 and "first failure              401 " in done.stdout
    done = wsbench("idle", f"--url=http://127.0.0.1:{free_port()}", f"--tokens={tokens}", "--sockets=2", "--quiet")
    assert done.returncode == 1 and "Connection refused" in done.stderr
    done = wsbench("idle", f"--url=http://127.0.0.1:{free_port()}", f"--tokens={tokens}", "--sockets=2", "--carrier=sse", "--streams=2", "--quiet")
    assert done.returncode == 1 and "Connection refused" in done.stderr
    done = wsbench("idle", "--tokens=/nonexistent/file")
    assert done.returncode == 1 and "/nonexistent/file" in done.stderr
    done = wsbench("fly")
    assert done.returncode == 2 and "is no mode" in done.stderr


def test_the_constant_answer_is_there_for_benches_alone(tmp_path):
    with Stack(gateways=2, materializers=0, start=False) as stack:
        stack.gateways[1].environment["FRESHET_DEBUG_ECHO"] = "on"
        for process in stack.gateways:
            process.start()
        answers = []
        for process, query in ((stack.gateways[0], "bytes=100"), (stack.gateways[1], "bytes=100"), (stack.gateways[1], "bytes=1")):
            with urllib.request.build_opener(Tolerant).open(f"http://127.0.0.1:{process.port}/debug/constant?{query}") as answer:
                answers.append((answer.status, json.loads(answer.read())))
        assert answers[0][0] == 404 and answers[0][1]["type"] == "urn:freshet:problem:unknown-path"
        assert answers[1] == (200, "x" * 98)
        assert answers[2][0] == 400


class Tolerant(urllib.request.HTTPDefaultErrorHandler):
    """4xx is an answer like any other."""

    def http_error_default(self, req, fp, code, msg, hdrs):
        return fp


@pytest.mark.parametrize("arguments", [[], ["page"], ["fly", "token"], ["--seconds=0", "page", "token"], ["--frob", "page", "token"]])
def test_wrong_usage_of_http_sh(arguments):
    done = subprocess.run([ROOT / "bench" / "http.sh", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "see bench/http.sh --help" in done.stderr


def test_http_sh_tells_what_fails(live):
    done = subprocess.run([ROOT / "bench" / "http.sh", f"--url=http://127.0.0.1:{live.gateway.port}", "--seconds=1", "--repeat=1", "--clients=2",
                           "page", "no-token"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "4xx" in done.stderr
