"""Users who post, edit, delete, follow, unfollow and read, all at once, against one or two gateways.

Each user does one thing after another; so what one author's posts mean, and whom one user follows, has an order that is
known. Some authors are idols: a crowd follows them and leaves them again, in turns, across the celebrity threshold."""

import asyncio
import collections
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from client import Client, NoAnswer, walk_feed
from history import Attempt, History, Post, Version, Walk
from listeners import Listener
from watchers import Watcher

TRIES = 40  # of one request; past them its outcome stays unknown
RETRY_AFTER = 1.0  # s, where no answer names a time; what broke off has happened by then, or never will


class Idol:
    """An author whose crowd comes and goes. `fans` always stay."""

    def __init__(self, user, fans, crowd, comes_first):
        self.user, self.fans, self.crowd, self.comes_first = user, fans, set(crowd), comes_first

    def wanted(self, phase):
        return (phase % 2 == 0) == self.comes_first


class Load:
    """history: what was done and answered. The clients run in a thread of their own from start() to stop()."""

    def __init__(self, stack, seed, users=40, watchers=16, listeners=12, threshold=12, pause=0.3, phase=2.5,
                 roam=0.15):
        self.stack, self.seed, self.pause, self.phase, self.roam = stack, seed, pause, phase, roam
        self.random = random.Random(f"{seed}:graph")
        self.users = stack.make_users(users)
        guest = self.users[-1]
        self.ports = [gateway.port for gateway in stack.gateways]
        with ThreadPoolExecutor(2) as pool:
            self.tokens = dict(zip(self.users, pool.map(stack.mint, self.users)))
        self.idols = self._choose_idols(threshold)
        self.history = self._make_graph()
        self.watched = self.random.sample(self.users, watchers)
        self.watchers = [Watcher(user, self.tokens[user], self.ports, self.history, seed) for user in self.watched]
        self.listened = self.random.sample(self.users, listeners)
        self.listeners = [Listener(user, self.tokens[user], self.ports, self.history, seed) for user in self.listened]
        self.done = collections.Counter()
        self.guest = Person(self, guest)  # does only what a test tells it to
        self.end = None  # an event: no new work
        self.started = None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="load", daemon=True)
        self.thread.start()
        self.tasks, self.watching = [], []

    # ---- the graph at the beginning ----

    def _choose_idols(self, threshold):
        """Two, one of whom begins above the threshold; each crosses it when the crowd comes and when it leaves."""
        idols = []
        for place, user in enumerate(self.random.sample(self.users[:-1], 2)):
            others = [one for one in self.users[:-1] if one != user]
            self.random.shuffle(others)
            stay = max(threshold * 9 // 10 - 3, 1)
            idols.append(Idol(user, others[:stay], others[stay:stay + threshold - stay + 3], comes_first=place == 0))
        return idols

    def _make_graph(self):
        history = History(self.users)
        idols = {idol.user for idol in self.idols}
        pairs = set()
        for user in self.users:
            others = [one for one in self.users if one != user and one not in idols]
            pairs.update((user, other) for other in self.random.sample(others, min(6, len(others))))
        for idol in self.idols:
            pairs.update((user, idol.user) for user in idol.fans)
            if not idol.comes_first:
                pairs.update((user, idol.user) for user in idol.crowd)
        self.stack.make_follows(sorted(pairs))
        history.start_with(pairs)
        return history

    # ---- start, stop ----

    @property
    def running(self):
        return self.end is not None and not self.end.is_set()

    def call(self, coroutine, timeout=120):
        """Runs it among the clients; from any other thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def start(self):
        async def begin():
            self.end = asyncio.Event()
            self.watching = [asyncio.ensure_future(one.run()) for one in self.watchers + self.listeners]
            self.started = time.monotonic()
            self.tasks = [asyncio.ensure_future(self._live(user)) for user in self.users[:-1]]

        self.call(begin())
        return self

    def stop(self):
        """No new work; what was begun is brought to its end. The watchers go on watching."""
        async def end():
            self.end.set()
            await asyncio.gather(*self.tasks)
            for listener in self.listeners:
                listener.settle()

        self.call(end(), timeout=300)

    def close(self):
        async def end():
            left = set(self.tasks + self.watching)
            if left:
                self.end.set()
            for one in self.watchers + self.listeners:
                one.stop()
            while left:  # again: wait_for() may swallow a cancellation
                for task in left:
                    task.cancel()
                _, left = await asyncio.wait(left, timeout=1)

        if self.thread.is_alive():
            self.call(end())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(10)

    def read_all(self):
        """The whole feed of every user, over both gateways in turn, now: {user: Walk}."""
        async def read(user):
            client = Client(user, self.tokens[user])
            try:
                for turn in range(TRIES):
                    try:
                        port = self.ports[(user + turn) % len(self.ports)]
                        return Walk(user, *await walk_feed(client, port, (7, 20, 100)[user % 3]))
                    except NoAnswer as error:
                        problem = error
                        await asyncio.sleep(RETRY_AFTER / 4)
                raise AssertionError(f"user {user} can't read the feed: {problem}")
            finally:
                client.close()

        async def read_every():
            walks = []
            for at in range(0, len(self.users), 10):
                walks += await asyncio.gather(*map(read, self.users[at:at + 10]))
            return walks

        walks = self.call(read_every(), timeout=600)
        self.history.walks += walks
        return {walk.user: walk for walk in walks}

    # ---- one user ----

    async def _live(self, user):
        person = Person(self, user)
        try:
            while not self.end.is_set():
                try:
                    await asyncio.wait_for(self.end.wait(), person.random.expovariate(1 / self.pause))
                except asyncio.TimeoutError:
                    await person.act()
        except Exception as error:  # a client that dies unseen would make the load lighter than it says
            self.history.odd.append(f"the client of user {user} broke: {type(error).__name__}: {error}")
        finally:
            person.client.close()

    def phase_now(self):
        return int((time.monotonic() - self.started) / self.phase)


class Person:
    """The client of one user."""

    ACTS = (("post", 44), ("follow", 10), ("unfollow", 10), ("edit", 11), ("delete", 7), ("read", 18))

    def __init__(self, load, user):
        self.load, self.user, self.history = load, user, load.history
        self.random = random.Random(f"{load.seed}:user:{user}")
        self.client = Client(user, load.tokens[user])
        self.home = user
        self.numbered = 0
        self.mine = []  # posts of ours that were answered and not deleted
        self.following = {followed for follower, followed in load.history.edges if follower == user}
        self.idols = {idol.user for idol in load.idols}

    async def act(self):
        for idol in self.load.idols:
            wanted = idol.wanted(self.load.phase_now())
            if self.user in idol.crowd and (idol.user in self.following) != wanted:
                return await self.change_edge(idol.user, wanted)
        names, weights = zip(*self.ACTS)
        return await getattr(self, self.random.choices(names, weights)[0])()

    # ---- requests ----

    def port(self):
        if self.random.random() < self.load.roam:
            self.home += 1
        return self.load.ports[self.home % len(self.load.ports)]

    async def ask(self, method, path, body=None):
        """(answer or None, sent, ended). None: not known whether it happened; the next try may go elsewhere."""
        sent = time.monotonic()
        try:
            answer = await self.client.call(self.port(), method, path, body)
        except NoAnswer:
            self.load.done["no answer"] += 1
            self.home += 1
            await asyncio.sleep(RETRY_AFTER)
            return None, sent, time.monotonic()
        ended = time.monotonic()
        if answer.status == 503:
            self.load.done["503"] += 1
            await asyncio.sleep(self.judge_retry_after(method, path, answer))
            return None, sent, ended
        if answer.status >= 500:
            self.odd(f"{method} {path}: {answer.status} {answer.data[:200]!r}")
            return None, sent, ended
        return answer, sent, ended

    def judge_retry_after(self, method, path, answer):
        try:
            return max(RETRY_AFTER, min(int(answer.headers["retry-after"]), 5))
        except (KeyError, ValueError):
            self.odd(f"{method} {path}: 503 without a time in Retry-After")
            return RETRY_AFTER

    def odd(self, text):
        self.history.odd.append(f"user {self.user}: {text}")

    # ---- what a user does ----

    async def post(self, begin="post"):
        """The id; None if the load ended before there was an answer."""
        for _ in range(TRIES):
            self.numbered += 1
            text = f"{begin} {self.user}/{self.numbered} " + "ä" * self.random.randrange(40)
            attempt = Attempt(self.user, text, time.monotonic(), 0)
            self.history.attempts[text] = attempt
            answer, sent, ended = await self.ask("POST", "/post/create", {"text": text})
            attempt.sent, attempt.ended = sent, ended
            if answer is None:
                if self.load.end.is_set():
                    return None
                continue
            if answer.status != 200:
                return self.odd(f"post/create: {answer.status} {answer.data[:200]!r}")
            number = int(answer.json)
            if number in self.history.posts:
                self.odd(f"post id {number} was given twice")
            if self.mine and number <= self.mine[-1].id:
                self.odd(f"post id {number} after {self.mine[-1].id}")
            post = Post(number, self.user, text, sent, ended)
            self.history.posts[number] = post
            self.mine.append(post)
            self.load.done["post"] += 1
            return number
        return self.odd(f"post/create: no answer after {TRIES} tries")

    async def follow(self):
        strangers = [one for one in self.load.users
                     if one != self.user and one not in self.following and one not in self.idols]
        if strangers:
            await self.change_edge(self.random.choice(strangers), True)

    async def unfollow(self):
        known = sorted(self.following - self.idols)
        if known:
            await self.change_edge(self.random.choice(known), False)

    async def change_edge(self, other, wanted):
        edge = self.history.edge(self.user, other)
        verb = "set" if wanted else "delete"
        for _ in range(TRIES):
            edge.sent(wanted, time.monotonic())
            answer, _, ended = await self.ask("PUT", f"/friend/{verb}/{other}")
            if answer is None:
                continue
            if answer.status != 200:
                return self.odd(f"friend/{verb}: {answer.status} {answer.data[:200]!r}")
            edge.answered(wanted, ended)
            (self.following.add if wanted else self.following.discard)(other)
            self.load.done["follow" if wanted else "unfollow"] += 1
            return
        self.odd(f"friend/{verb}/{other}: no answer after {TRIES} tries")

    async def edit(self):
        if not self.mine:
            return
        post = self.random.choice(self.mine[-10:])
        for _ in range(TRIES):
            self.numbered += 1
            version = Version(f"{self.user}/{self.numbered} edited", time.monotonic())
            post.versions.append(version)
            answer, _, ended = await self.ask("PUT", "/post/update", {"id": str(post.id), "text": version.text})
            if answer is None:
                continue
            if answer.status != 200:
                return self.odd(f"post/update of {post}: {answer.status} {answer.data[:200]!r}")
            version.answered = ended
            self.load.done["edit"] += 1
            return

    async def delete(self):
        if not self.mine:
            return
        post = self.random.choice(self.mine)
        self.mine.remove(post)
        for turn in range(TRIES):
            post.delete_sent = min(post.delete_sent, time.monotonic())
            answer, _, ended = await self.ask("PUT", f"/post/delete/{post.id}")
            if answer is None:
                continue
            if answer.status != 200 and not (answer.status == 404 and turn > 0):  # an earlier try had done it
                return self.odd(f"post/delete of {post}: {answer.status} {answer.data[:200]!r}")
            post.delete_answered = ended
            self.load.done["delete"] += 1
            return

    async def read(self):
        try:
            walk = await walk_feed(self.client, self.port(), self.random.choice((5, 20, 100)),
                                   self.random.choice((1, None)))
        except NoAnswer:
            await asyncio.sleep(RETRY_AFTER)
            return
        self.history.walks.append(Walk(self.user, *walk))
        self.load.done["read"] += 1
