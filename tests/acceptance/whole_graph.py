#!/usr/bin/env python3
"""Every page of every user, held against the follows file: no post more, no post less, newest first.

Against a running system (`./dev run --detach`) into which a graph was imported (`freshetctl import-follows`), and
posts if wanted (`freshetctl import-posts`). Writes POSTS posts by random authors over HTTP, waits until the outbox is
empty, then reads the whole home feed of every user over HTTP by cursor and compares it with what the follows file and
the posts say. Exit code 1 if a single page is wrong.

    tests/acceptance/whole_graph.py --follows FILE --database URL --keys-file FILE [--posts 1000] [--http URL]
"""

import argparse
import base64
import collections
import gzip
import hashlib
import hmac
import http.client
import json
import pathlib
import queue
import random
import re
import subprocess
import sys
import threading
import time
import urllib.parse


def read_follows(path):
    followed_by = collections.defaultdict(set)
    opener = gzip.open if open(path, "rb").read(2) == b"\x1f\x8b" else open
    with opener(path, "rt") as lines:
        for line in lines:
            follower, followed = line.split()
            followed_by[int(follower)].add(int(followed))
    return followed_by


class Tokens:
    """Mints tokens as the gateway would: HS256 with the first key of the key file."""

    def __init__(self, keys_file):
        lines = (line.split() for line in pathlib.Path(keys_file).read_text().splitlines())
        self.kid, self.secret = next(parts for parts in lines if len(parts) == 2 and not parts[0].startswith("#"))

    def mint(self, user):
        def part(value):
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

        now = int(time.time())
        text = part({"alg": "HS256", "typ": "JWT", "kid": self.kid}) + b"." + part(
            {"sub": str(user), "iat": now, "exp": now + 3600, "jti": "%032x" % random.getrandbits(128)})
        mac = hmac.new(self.secret.encode(), text, hashlib.sha256).digest()
        return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def psql(database, sql):
    out = subprocess.run(["psql", "-XAtq", "-F", "\t", "-d", database, "-c", sql], check=True, capture_output=True,
                         text=True).stdout
    return [line.split("\t") for line in out.splitlines()]


class Client:
    """One keep-alive connection."""

    def __init__(self, base):
        parts = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def call(self, method, path, token, body=None):
        self.connection.request(method, path, body=None if body is None else json.dumps(body),
                                headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]}")
        return json.loads(data), answer.headers.get("Link")

    def whole_feed(self, token):
        posts, path = [], "/post/feed?limit=100"
        while path:
            page, link = self.call("GET", path, token)
            posts += page
            found = re.search(r'<([^>]*)>;\s*rel="next"', link or "")
            path = found.group(1) if found else None
        return posts


def in_parallel(base, items, work, threads, what):
    """work(client, item) for each item; progress on standard error; returns what the calls gave."""
    jobs, results, errors = queue.SimpleQueue(), [], []
    for item in items:
        jobs.put(item)

    def run():
        client = Client(base)
        while not errors:
            try:
                item = jobs.get_nowait()
            except queue.Empty:
                return
            try:
                results.append(work(client, item))
            except Exception as error:  # told below, with its item
                errors.append((item, error))

    started = time.monotonic()
    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        time.sleep(0.5)
        print(f"\r{what}: {len(results)}/{len(items)}", end="", file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    print(f"\r{what}: {len(results)}/{len(items)} in {seconds:.1f} s", file=sys.stderr)
    if errors:
        raise SystemExit(f"{what}: {errors[0][0]}: {errors[0][1]}")
    return results


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--follows", required=True)
    arguments.add_argument("--posts", type=int, default=1000)
    arguments.add_argument("--http", default="http://127.0.0.1:8080")
    arguments.add_argument("--database", required=True, help="connection string of the database")
    arguments.add_argument("--keys-file", required=True, help="token keys of the gateway")
    arguments.add_argument("--threads", type=int, default=8)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()

    follows = read_follows(options.follows)
    people = sorted(set(follows) | {followed for some in follows.values() for followed in some})
    tokens = Tokens(options.keys_file)
    chance = random.Random(options.seed)

    authors = [chance.choice(people) for _ in range(options.posts)]
    in_parallel(options.http, list(enumerate(authors)),
                lambda client, item: client.call("POST", "/post/create", tokens.mint(item[1]),
                                                 {"text": f"post {item[0]} of the check"}),
                options.threads, "posting")

    waited = time.monotonic()
    while True:
        left = int(psql(options.database, "SELECT count(*) FROM outbox")[0][0])
        print(f"\routbox: {left} events left ", end="", file=sys.stderr, flush=True)
        if left == 0:
            break
        if time.monotonic() - waited > 300:
            raise SystemExit("the outbox does not empty")
        time.sleep(0.2)
    print(f"in {time.monotonic() - waited:.1f} s", file=sys.stderr)

    posts_of = collections.defaultdict(list)
    for author, post in psql(options.database, "SELECT author_id, id FROM posts WHERE deleted_at IS NULL"):
        posts_of[int(author)].append(int(post))
    celebrities = {int(row[0]) for row in psql(options.database, "SELECT id FROM celebrities")}

    def check(client, user):
        expected = sorted((post for author in follows[user] for post in posts_of[author]), reverse=True)
        page = client.whole_feed(tokens.mint(user))
        got = [int(post["id"]) for post in page]
        of_celebrities = sum(int(post["author_user_id"]) in celebrities for post in page)
        return user, got == expected, len(got), of_celebrities, sorted(set(expected) - set(got)), \
            sorted(set(got) - set(expected))

    results = in_parallel(options.http, people, check, options.threads, "reading feeds")
    wrong = [result for result in results if not result[1]]
    for user, _, count, _, missing, extra in wrong[:20]:
        print(f"user {user}: {count} posts, {len(missing)} missing {missing[:3]}, {len(extra)} too many {extra[:3]}")
    print(f"{len(results)} users, {sum(result[2] for result in results)} posts in their feeds, "
          f"{sum(result[3] for result in results)} of them by {len(celebrities)} celebrities; "
          f"{len(wrong)} feeds wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
