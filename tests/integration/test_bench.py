"""./dev bench: a short run works from end to end and leaves its three files. No time is asserted: that is the bench's own job."""

import json
import os
import subprocess
import urllib.request
import xml.etree.ElementTree as tree

import pytest

from harness import BIN, ROOT, Stack, free_port


def bench(run_dir, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FRESHET_", "PG"))}
    environment.update(FRESHET_BIN_DIR=str(BIN), FRESHET_RUN_DIR=str(run_dir), FRESHET_NO_INSTALL="1")
    return subprocess.run([ROOT / "dev", "bench", *arguments], env=environment, capture_output=True, text=True, timeout=600,
                          check=False, stdin=subprocess.DEVNULL)


def test_without_a_name_it_lists_what_there_is(tmp_path):
    done = bench(tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert all(f"\n  {name} " in done.stdout for name in ("materialise", "gateway", "soak"))


@pytest.mark.parametrize("arguments, told", [
    (["frobnicate"], "bench: there is no bench 'frobnicate'; there is: materialise gateway soak"),
    (["materialise", "--frob"], "--frob"),
    (["materialise", "--only", "frob"], "invalid choice: 'frob'"),
    (["gateway", "--only", "frob"], "invalid choice: 'frob'"),
    (["soak"], "the following arguments are required: --follows"),
    (["soak", "--follows", "/nonexistent/file"], "--follows: there is no file"),
    (["soak", "--follows", "/dev/null", "--rate", "0"], "must be greater than 0"),
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


def test_a_short_run_of_gateway(tmp_path):
    done = bench(tmp_path, "gateway", "--smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "bench"
    result = json.loads((folder / "gateway.json").read_text())
    rows = {row["what"].strip(): row for row in result["rows"]}
    for what in ("post create, 64 clients, synchronous commit", "page of 20, cold: nothing kept by the gateway",
                 "accepted to frame, 100 sockets, p50", "accepted to frame, 100 sockets, p99", "per-user deliveries, 200 sockets",
                 "a celebrity's post to 200 sockets", "accepted to frame beside 5 % of 100 who do not read, p99"):
        row = rows[what]
        assert all(value > 0 for value in row["measured"] + row["baseline"]), row
        assert row["kept"] is None  # the figures of a short run are not judged
        assert what in (folder / "gateway.txt").read_text()
    assert any(what.startswith("page of 20 with bodies, warm") for what in rows)
    assert rows["memory of an idle socket, plain, 200 of them"]["measured"]
    assert "200 clients come back with cursors" in rows
    assert rows["of these cut off meanwhile"]["measured"] == [100]
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
    for option in ("--url", "--tokens", "--carrier", "--follows", "--one-by-one", "--expect", "--step", "--received", "--pid", "--json",
                   "--listen"):
        assert f"\n  {option}" in done.stdout, option
    assert "Exit codes" in done.stdout


@pytest.mark.parametrize("carrier", ["plain", "json", "protobuf", "sse", "stream"])
def test_each_post_comes_once_to_each_who_follows(live, tmp_path, carrier):
    tokens, follows = files_of(live, tmp_path)
    done = wsbench("live", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", f"--follows={follows}", "--sockets=45",
                   "--threads=2", f"--carrier={carrier}", "--posts=40", "--rate=100", f"--pid={live.gateway.pid}",
                   f"--json={tmp_path / 'json'}", f"--received={tmp_path / 'received'}", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "json").read_text())
    assert result["posts_accepted"] == 40 and result["deliveries"] > 0
    assert [result[name] for name in ("lost", "doubled", "foreign", "out_of_order", "ended_by_the_server")] == [0] * 5
    assert result["accepted_to_frame_ms"]["count"] == result["deliveries"]
    received = [line.split("\t") for line in (tmp_path / "received").read_text().splitlines()]
    # 45 connections of 30 people: the first 15 have two, and both get everything.
    assert len(received) == 45 and received[:15] == received[30:]
    assert sum(len(numbers.split()) for _, numbers in received) == result["deliveries"]


@pytest.mark.parametrize("carrier", ["json", "protobuf", "sse", "stream"])
def test_all_come_back_with_their_cursors(live, tmp_path, carrier):
    tokens, follows = files_of(live, tmp_path)
    done = wsbench("resume", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", f"--follows={follows}", "--sockets=30",
                   f"--carrier={carrier}", "--posts=20", "--rounds=2", f"--json={tmp_path / 'json'}", "--quiet")
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
    done = wsbench("http", f"--url=http://127.0.0.1:{live.gateway.port}", f"--tokens={tokens}", "--posts=3", "--connections=2")
    assert done.returncode == 1 and "first failure              401 " in done.stdout
    done = wsbench("idle", f"--url=http://127.0.0.1:{free_port()}", f"--tokens={tokens}", "--sockets=2", "--quiet")
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
