"""The materializer alone, for tests that look at the outbox, the feed tables and the subjects directly.

The tests play the gateway: they write what it would write, in SQL. Every test takes ids of its own, so all share one
database."""

import itertools
import os
import signal
import socket
import threading
import time
import urllib.parse

from harness import Stack, eventually

EPOCH_MS = 1735689600000
POST, EDIT, DELETE, FOLLOW, UNFOLLOW = 1, 2, 3, 4, 5
FLIP = 6  # in the outbox
CELEBRITY, ORDINARY = 6, 7  # on the bus


def partition_of(number):
    value = 2166136261
    for byte in str(number).encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value % 16


class Event:
    """The Event of proto/freshet/v1/event.proto, as far as tests look at it."""

    NAMES = {1: "kind", 2: "post_id", 3: "author_id", 4: "text", 5: "revision", 10: "follower_id"}

    def __init__(self, data):
        self.kind = self.post_id = self.author_id = self.revision = self.follower_id = 0
        self.text = ""
        at = 0
        while at < len(data):
            key, at = self.varint(data, at)
            if key & 7 == 0:
                value, at = self.varint(data, at)
            else:
                assert key & 7 == 2, f"wire type {key & 7}"
                length, at = self.varint(data, at)
                value = data[at:at + length].decode()
                at += length
            if key >> 3 in self.NAMES:
                setattr(self, self.NAMES[key >> 3], value)

    @staticmethod
    def varint(data, at):
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value, at

    def __repr__(self):
        return (f"Event(kind={self.kind}, post={self.post_id}, author={self.author_id}, follower={self.follower_id}, "
                f"text={self.text!r})")


class Tap:
    """Hears everything published to feed.> and celeb.>, on core NATS; or to other subjects."""

    def __init__(self, url, *subjects):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port))
        self.input = self.socket.makefile("rb")
        self.messages = []  # (subject, Event)
        self.headers = []  # of those messages that have some
        self.input.readline()  # INFO
        user, password = urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")
        self.socket.sendall(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"user":"%s","pass":"%s"}\r\n'
                            % (user.encode(), password.encode()))
        for number, subject in enumerate(subjects or ("feed.>", "celeb.>"), 1):
            self.socket.sendall(b"SUB %s %d\r\n" % (subject.encode(), number))
        self.socket.sendall(b"PING\r\n")
        line = self.input.readline()
        assert line == b"PONG\r\n", line
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        try:
            for line in self.input:
                words = line.split()
                if words[:1] == [b"PING"]:
                    self.socket.sendall(b"PONG\r\n")
                elif words[:1] == [b"MSG"]:
                    data = self.input.read(int(words[-1]) + 2)[:-2]
                    self.messages.append((words[1].decode(), Event(data)))
                elif words[:1] == [b"HMSG"]:
                    data = self.input.read(int(words[-1]) + 2)[:-2]
                    self.headers.append(data[:int(words[-2])].decode())
                    self.messages.append((words[1].decode(), Event(data[int(words[-2]):])))
        except (OSError, ValueError, IndexError):
            pass  # the server was stopped, or the tap closed

    def heard_by(self, user):
        return [event for subject, event in list(self.messages)
                if subject.startswith("feed.") and subject.rsplit(".", 1)[1] == str(user)]

    def heard_as_follower(self, user, author):
        """What reaches that follower of that author, by whichever subject, in order."""
        return [event for subject, event in list(self.messages) if event.author_id == author and
                (subject == f"celeb.{author}" or subject.startswith("feed.") and subject.endswith(f".{user}"))]

    def heard_of(self, author):
        return {subject for subject, event in list(self.messages) if event.author_id == author}

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.thread.join()


class Lab:
    def __init__(self, **settings):
        self.stack = Stack(gateways=0, materializers=0, **settings)
        self.nats = self.stack.nats
        self.taps = []
        self.ids = itertools.count(1000)
        self.posts = itertools.count()
        self.base = int(time.time() * 1000 - EPOCH_MS) << 22
        self.db = None
        self.connect()

    def connect(self):
        self.db = self.stack.postgres.connect()
        self.db.autocommit = True

    def tap(self, *subjects):
        tap = Tap(self.nats.url, *subjects)
        self.taps.append(tap)
        return tap

    def start_nats_with_tap(self, materializer):
        """A tap hears only what is published after it came: the materializer stands still until then."""
        materializer.signal(signal.SIGSTOP)
        try:
            self.nats.start()
            return self.tap()
        finally:
            materializer.signal(signal.SIGCONT)

    def stop_nats(self):
        self.close_taps()
        self.nats.stop()

    def close_taps(self):
        while self.taps:
            self.taps.pop().close()

    def materializer(self, wait=False, **settings):
        """`fault`: where it kills itself."""
        return self.stack.add_materializer(**settings).start(wait=wait)

    def clean(self):
        """After a test: no process, no event, so that the next one begins with an empty outbox."""
        self.close_taps()
        materializers, self.stack.materializers = self.stack.materializers, []
        for materializer in materializers:
            if materializer.alive:
                materializer.signal(signal.SIGCONT)
                materializer.kill()
        self.run("DELETE FROM outbox")
        for materializer in materializers:
            materializer.check_log()
            os.remove(materializer.log)  # the next of that name begins with an empty one

    def close(self):
        self.db.close()
        self.stack.close()

    # ---- what the gateway would write ----
    def run(self, sql, *args):
        with self.db.cursor() as cursor:
            cursor.execute(sql, args)
            return cursor.fetchall() if cursor.description else None

    def one(self, sql, *args):
        return self.run(sql, *args)[0][0]

    def users(self, count, celebrity=False, online=True):
        """`online`: as if each had an open connection, for an hour."""
        ids = [next(self.ids) for _ in range(count)]
        self.run("INSERT INTO users (id, first_name, second_name, is_celebrity) "
                 "SELECT id, 'Ann', 'Lee', %s FROM unnest(%s::bigint[]) AS id", celebrity, ids)
        if online:
            self.go_online(ids)
        if celebrity:
            self.run("INSERT INTO celebrities (id) SELECT unnest(%s::bigint[])", ids)
        return ids

    def go_online(self, users, until="1 hour"):
        self.run("INSERT INTO online (user_id, since, until) "
                 "SELECT id, now() - interval '1 hour', now() + %s::interval FROM unnest(%s::bigint[]) AS id "
                 "ON CONFLICT (user_id) DO UPDATE SET until = excluded.until", until, users)

    def event(self, author, kind, subject):
        return self.one("INSERT INTO outbox (author_id, partition, kind, subject_id) VALUES (%s, %s, %s, %s) "
                        "RETURNING event_id", author, partition_of(author), kind, subject)

    def edge(self, follower, followed):
        """Follows since long: counted, and nothing in the outbox."""
        self.link(follower, followed)
        self.run("UPDATE users SET follower_count = follower_count + 1 WHERE id = %s", followed)

    def link(self, follower, followed):
        self.run("INSERT INTO followers (followed_id, follower_id) VALUES (%s, %s)", followed, follower)
        self.run("INSERT INTO followees (followed_id, follower_id) VALUES (%s, %s)", followed, follower)

    def transaction(self, *steps):
        self.db.autocommit = False
        try:
            for step in steps:
                step()
            self.db.commit()
        finally:
            self.db.rollback()
            self.db.autocommit = True

    def post(self, author, text="text", told=True):
        number = self.base + next(self.posts)

        def write():
            self.run("INSERT INTO posts (author_id, id, body) VALUES (%s, %s, %s)", author, number, text)
            if told:
                self.event(author, POST, number)
        self.transaction(write)
        return number

    def edit(self, author, number, text):
        self.transaction(
            lambda: self.run("UPDATE posts SET body = %s, revision = revision + 1, edited_at = now() "
                             "WHERE author_id = %s AND id = %s", text, author, number),
            lambda: self.event(author, EDIT, number))

    def delete(self, author, number):
        self.transaction(
            lambda: self.run("UPDATE posts SET deleted_at = now() WHERE author_id = %s AND id = %s", author, number),
            lambda: self.event(author, DELETE, number))

    def follow(self, follower, followed):
        self.transaction(
            lambda: self.link(follower, followed),
            lambda: self.run("INSERT INTO follower_delta (user_id, delta) VALUES (%s, 1)", followed),
            lambda: self.event(followed, FOLLOW, follower))

    def unfollow(self, follower, followed):
        self.transaction(
            lambda: self.run("DELETE FROM followers WHERE followed_id = %s AND follower_id = %s", followed, follower),
            lambda: self.run("DELETE FROM followees WHERE followed_id = %s AND follower_id = %s", followed, follower),
            lambda: self.run("INSERT INTO follower_delta (user_id, delta) VALUES (%s, -1)", followed),
            lambda: self.event(followed, UNFOLLOW, follower))

    # ---- what came of it ----
    def items(self, user):
        return {post for post, in self.run("SELECT post_id FROM feed_items WHERE user_id = %s", user)}

    def holders(self, post):
        return {user for user, in self.run("SELECT user_id FROM feed_items WHERE post_id = %s", post)}

    def pending(self):
        return self.run("SELECT event_id, kind, state, tries, reason FROM outbox WHERE state <> 2 ORDER BY 1 LIMIT 10")

    def wait_worked_off(self, timeout=60):
        """Until every event that is not dead is committed, published, acked and gone."""
        def idle():
            left = self.pending()
            assert not left, f"left in the outbox: {left}"
            return True

        eventually(idle, timeout)


def owned(materializer):
    """How many partitions it has; 0 if it does not answer."""
    try:
        return materializer.metrics().get("freshet_outbox_partitions_owned", 0)
    except OSError:
        return 0
