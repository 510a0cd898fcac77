#!/usr/bin/python3
"""./dev bench soak: a real graph under a steady load for a long time: does memory grow, does anything fail, and does each client
get exactly what its pages show?"""

import argparse
import concurrent.futures
import gzip
import http.client
import json
import os
import random
import re
import signal
import sys
import threading
import time

from lab import ROOT, Lab
from measuring import first_line, machine
from programs import Failed, Wsbench

RUN = 0x50AC
MARK = re.compile(rf"wsbench {RUN:08x} (\d{{8}}) ")
PAGE = 100
READERS_AT_ONCE = 8
# Growth of a process in the second half of the run that counts as one.
GROWTH_PERCENT, GROWTH_MB = 10, 8
JUDGED_FROM_S = 120
# Counters of which any value but 0 is an error here.
ERRORS = re.compile(r"^freshet_(live_gaps|live_slow_closed|presence_broken|store_errors|bus_publish_errors|bus_reconnects|outbox_dead|"
                    r"outbox_bisections|firehose_errors|connections_refused)_total(\{|$)")


def own_mb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return int(next(line for line in lines if line.startswith("Anonymous:")).split()[1]) / 1024


class Watch(threading.Thread):
    """Samples of memory while the load goes on: (seconds since the beginning, {process: MB of its own})."""

    def __init__(self, processes, every):
        super().__init__(daemon=True)
        self.processes, self.every, self.samples = processes, every, []
        self.ending = threading.Event()
        self.began = time.monotonic()

    def run(self):
        self.sample()
        while not self.ending.wait(self.every):
            self.sample()

    def sample(self):
        try:
            self.samples.append((time.monotonic() - self.began, {name: own_mb(pid) for name, pid in self.processes.items()}))
        except OSError:
            return  # one has died: whoever needs it says so
        print(f"  {self.samples[-1][0]:5.0f} s  " + "  ".join(f"{name} {mb:.1f} MB" for name, mb in self.samples[-1][1].items()), flush=True)

    def end(self):
        self.ending.set()
        self.join()
        self.sample()

    def growth(self, name):
        """(MB at half time, MB at the end)"""
        half = self.samples[-1][0] / 2
        return next(mb[name] for at, mb in self.samples if at >= half), self.samples[-1][1][name]


def lines_of(path):
    with (gzip.open(path, "rt") if path.endswith(".gz") else open(path, encoding="ascii")) as lines:
        yield from lines


def pages_of(gateway, token):
    """The numbers of this run's posts on the pages of a user, from the newest down to the first page that has older posts."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    found, path = [], f"/post/feed?limit={PAGE}"
    try:
        while path is not None:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
            marks = [MARK.match(post["text"]) for post in json.loads(body)]
            found += [int(mark[1]) for mark in marks if mark is not None]
            link = re.match(r"<([^>]+)>; *rel=\"next\"", answer.getheader("Link") or "")
            path = link[1] if link is not None and all(mark is not None for mark in marks) else None
    finally:
        connection.close()
    return found


def compare(gateway, tokens, received_path):
    """How each client's set differs from its pages: a list of sentences. And how many posts were compared."""
    received = {}
    with open(received_path, encoding="ascii") as lines:
        for line in lines:
            reader, _, numbers = line.rstrip("\n").partition("\t")
            received[int(reader)] = {int(number) for number in numbers.split()}
    differences, compared = [], 0
    with concurrent.futures.ThreadPoolExecutor(READERS_AT_ONCE) as pool:
        for reader, found in zip(received, pool.map(lambda reader: pages_of(gateway, tokens[reader]), received)):
            compared += len(found)
            if len(set(found)) != len(found):
                differences.append(f"reader {reader}: pages show posts twice: {sorted(n for n in set(found) if found.count(n) > 1)}")
            for number in sorted(set(found) - received[reader]):
                differences.append(f"reader {reader}: post {number} is on a page and was not told")
            for number in sorted(received[reader] - set(found)):
                differences.append(f"reader {reader}: post {number} was told and is on no page")
    return differences, compared


def import_graph(lab, path, count, seed):
    """Who is connected: {id: token}, the files for wsbench."""
    lab.ctl("import-follows", os.path.abspath(path))
    follows = lab.path("follows")
    with open(follows, "w", encoding="ascii") as out:
        out.writelines(lines_of(path))
    lab.run("ANALYZE")
    people = [row[0] for row in lab.run("SELECT id FROM users ORDER BY id")]
    if len(people) < count:
        raise SystemExit(f"soak: the graph has {len(people)} people; --clients wants {count}")
    with open(lab.tokens(people[0], people[-1]), encoding="ascii") as lines:
        tokens = dict(line.rstrip("\n").split("\t") for line in lines)
    connected = random.Random(seed).sample(people, count)
    paths = []
    for name, members in (("readers", connected), ("authors", people)):
        paths.append(lab.path(name))
        with open(paths[-1], "w", encoding="ascii") as out:
            out.writelines(f"{number}\t{tokens[str(number)]}\n" for number in members)
    return {number: tokens[str(number)] for number in connected}, *paths, follows


def soak(lab, options, result):
    tokens, readers, authors, follows = import_graph(lab, options.follows, options.clients, options.seed)
    result["graph"] = {"people": lab.one("SELECT count(*) FROM users"), "follows": lab.one("SELECT count(*) FROM followers"),
                       "celebrities": lab.one("SELECT count(*) FROM celebrities")}
    print(f"soak: {result['graph']}, {options.clients} clients ({options.carrier}), {options.rate} posts/s for {options.seconds} s", flush=True)
    # A cache that takes half an hour to fill would look like a leak, or hide one. This one is full after some minutes.
    materializer, gateway = lab.materializer(poll_interval="1s"), lab.gateway(body_cache="4m")
    received = lab.path("received")
    client = Wsbench(lab, "live", progress=options.verbose, step=True, url=gateway.url, tokens=readers, authors=authors, follows=follows,
                     sockets=options.clients, carrier=options.carrier, rate=options.rate, posts=options.rate * options.seconds,
                     seed=options.seed, run=f"{RUN:x}", received=received, patience=30, pid=gateway.pid)
    client.wait_ready()
    watch = Watch({"gateway": gateway.pid, "materializer": materializer.pid, "nats-server": lab.nats.pid()}, options.every)
    watch.start()
    client.go_on()
    problems = []
    try:
        result["wsbench"] = client.result()
    except Failed as failed:
        if failed.result is None:
            raise
        problems.append(str(failed))
        result["wsbench"] = failed.result
    watch.end()
    lab.wait_told()
    differences, result["compared"] = compare(gateway, tokens, received)
    problems += differences
    if result["compared"] == 0:
        problems.append("nothing was compared: no page has a post of this run")
    for process in (gateway, materializer):
        metrics = {name: value for name, value in process.metrics().items() if ERRORS.match(name) and value > 0}
        problems += [f"{process.name}: {name} is {value:.0f}" for name, value in metrics.items()]
    result["memory_mb"] = watch.samples
    result["growth"] = {}
    for name in watch.processes:
        half, end = watch.growth(name)
        result["growth"][name] = {"half": half, "end": end}
        # The streams of nats-server fill until the resume window is over.
        if name != "nats-server" and options.seconds >= JUDGED_FROM_S and end - half > max(GROWTH_MB, half * GROWTH_PERCENT / 100):
            problems.append(f"{name} grew from {half:.1f} to {end:.1f} MB in the second half")
    lab.stop_gateways()
    lab.stop_materializers()
    return problems


def write(options, result):
    os.makedirs(options.out, exist_ok=True)
    path = os.path.join(options.out, "soak.json")
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)
    return path


def main():
    parser = argparse.ArgumentParser(prog="./dev bench soak", description=__doc__)
    parser.add_argument("--follows", required=True, metavar="FILE", help="the graph: lines of follower, tab, followed; plain or gzip")
    parser.add_argument("--clients", type=int, default=2000, help="connected people, chosen at random (2000)")
    parser.add_argument("--carrier", choices=("json", "protobuf", "plain", "sse", "stream"), default="json")
    parser.add_argument("--rate", type=int, default=500, help="posts per second, by authors chosen at random from everybody (500)")
    parser.add_argument("--seconds", type=int, default=600, help="how long (600)")
    parser.add_argument("--every", type=float, default=10, help="seconds between looks at memory (10)")
    parser.add_argument("--seed", type=int, default=7, help="of what is chosen at random (7)")
    parser.add_argument("--verbose", action="store_true", help="what wsbench says each second, too")
    parser.add_argument("--out", required=True, help="folder of the result")
    options = parser.parse_args()
    if min(options.clients, options.rate, options.seconds) < 1 or options.every <= 0:
        parser.error("--clients, --rate, --seconds and --every must be greater than 0")
    if not os.path.exists(options.follows):
        parser.error(f"--follows: there is no file {options.follows}")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    result = {"bench": "soak", "machine": {**machine(ROOT), "nats-server": first_line("nats-server", "--version")},
              "options": {name: value for name, value in vars(options).items() if name != "out"}}
    lab = Lab()
    try:
        problems = soak(lab, options, result)
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    finally:
        lab.close()
    result["problems"] = problems
    path = write(options, result)
    measured = result["wsbench"]
    latency = measured.get("accepted_to_frame_ms", {})
    print(f"\nposts {measured['posts_accepted']}, not accepted {measured['posts_failed']}, deliveries {measured['deliveries']}, on pages "
          f"{result['compared']}\naccepted to frame: " + ", ".join(f"{name} {value:.1f}" for name, value in latency.items() if name not in ("count", "buckets")) + " ms")
    for name, mb in result["growth"].items():
        print(f"{name}: {mb['half']:.1f} MB of its own at half time, {mb['end']:.1f} MB at the end")
    for problem in problems:
        print(f"PROBLEM: {problem}")
    print("no error, and every client's set is its page's" if not problems else f"{len(problems)} problems")
    print(f"written: {path}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
