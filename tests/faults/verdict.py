"""What must be true when a fault is over.

Each check gives the problems that it found as text; a test passes when there are none. The checks of `history` look at
nothing but what clients saw; `pages` and `tables` also at what the database holds, read with statements of their own."""

import collections
import json
import re
import time

from harness import eventually
from harness.waiting import PATIENCE

SENT_RING = 128  # ids that a connection remembers (FR_SENT_RING): so close to each other none may come twice
BEHIND = 1.0  # s; a new post may show so much later through one gateway than through another
LIVE_GRACE = 1.0  # s; an unfollow may take so long to reach an open connection
SHOWN = 8  # problems of each kind that a report shows


# ---- what clients saw ----

def judge_walk(history, walk):
    """One reading of a feed: newest first, each once, only of people followed, as the posts were meanwhile."""
    problems = []
    who = f"page of {walk.user}"
    for (one, _, _), (next_one, _, _) in zip(walk.items, walk.items[1:]):
        if next_one >= one:
            problems.append(f"{who}: {next_one} after {one}")
    for number, author, text in walk.items:
        post = history.posts.get(number)
        if post is None or post.author != author:
            problems.append(f"{who}: {number} of {author} was never written")
            continue
        if not history.edge(walk.user, author).may_hold(walk.started, walk.ended):
            problems.append(f"{who}: {post}, who is not followed")
        if post.must_be_gone(walk.started):
            problems.append(f"{who}: {post} was deleted before")
        if not post.may_show(text, walk.started, walk.ended):
            problems.append(f"{who}: {post} as {text!r}, had {post.versions}")
    return problems


def judge_vanishing(history):
    """What a feed showed does not go away by itself, whatever its author becomes meanwhile. Of posts from before the
    latest follow that is not asked: an unfollow just before it may take them out until the follow brings them back."""
    problems = []
    for user, walks in _by_user(history.walks).items():
        shown = {}  # id: end of the walk that showed it last
        for walk in sorted(walks, key=lambda one: one.started):
            there = set(walk.ids)
            reaches = 0 if walk.whole else min(there, default=float("inf"))
            for number, before in list(shown.items()):
                post = history.posts.get(number)
                if number in there or number < reaches or post is None or before > walk.started - BEHIND:
                    continue
                if not post.may_be_gone(walk.ended) and history.edge(user, post.author).must_hold(post.sent, walk.ended):
                    problems.append(f"page of {user}: {post} was shown at {before:.3f} and is not at {walk.started:.3f}")
                del shown[number]
            shown.update((number, walk.ended) for number in there)
    return problems


def _by_user(walks):
    grouped = collections.defaultdict(list)
    for walk in walks:
        grouped[walk.user].append(walk)
    return grouped


def judge_connection(history, watcher, connection, late=()):
    """Live frames of one connection. `late`: posts that come out of order because an operator replayed them."""
    problems = []
    who = f"socket of {watcher.user}"
    newest = {}  # author: id
    seen = {}  # id: how many different ones had come when it came last
    for at, number, author, text in connection.frames:
        post = history.posts.get(number)
        if post is None or post.author != author:
            problems.append(f"{who}: {number} of {author} was never written")
            continue
        if not post.had(text, at):
            problems.append(f"{who}: {post} as {text!r}, had {post.versions}")
        if not history.edge(watcher.user, author).may_hold(post.sent, at + LIVE_GRACE):
            problems.append(f"{who}: {post} at {at:.3f}, sent at {post.sent:.3f}, who is not followed")
        if number in seen:
            if len(seen) - seen[number] < SENT_RING:
                problems.append(f"{who}: {post} twice on one connection")
            continue
        seen[number] = len(seen)
        if number in late:
            continue
        if number < newest.get(author, 0):
            problems.append(f"{who}: {post} at {at:.3f} after {newest[author]}")
        newest[author] = max(number, newest.get(author, 0))
    return problems


def judge_live(history, watchers, late=()):
    problems = []
    for watcher in watchers:
        problems += watcher.problems
        for connection in watcher.connections:
            problems += judge_connection(history, watcher, connection, late)
    return problems


def missing_live(history, watcher, page, now):
    """What is in the present page and did not come to the present connection, neither by the page that was read when
    it was opened nor as a frame since. A post from before the latest follow comes by pages alone."""
    connection = watcher.joined
    if connection is None:
        return [f"socket of {watcher.user}: not connected"]
    received = set(connection.filled.ids) | {number for _, number, _, _ in connection.frames}
    return [f"socket of {watcher.user} (open {now - connection.opened:.1f} s): {history.posts[number]}, sent "
            f"{now - history.posts[number].sent:.1f} s ago, never came"
            for number in page.ids
            if number not in received and number in history.posts
            and history.edge(watcher.user, history.posts[number].author).must_hold(history.posts[number].sent, now)]


def surplus_live(history, watcher, page, now):
    """What came and is not in the page, though neither was it deleted nor its author left."""
    received = {number for connection in watcher.connections for _, number, _, _ in connection.frames}
    there = set(page.ids)
    return [f"socket of {watcher.user}: {history.posts[number]} came and is in no page" for number in sorted(received - there)
            if number in history.posts and not history.posts[number].may_be_gone(now)
            and history.edge(watcher.user, history.posts[number].author).must_hold(history.posts[number].sent, now)]


def judge_listener(history, listener, late=()):
    """Envelopes over all connections of one client. It may be told again what it was told, after a fault; nothing that it
    should not have, nothing that was deleted, and no post of an author before an older one that it lacks. What is older than
    all of the last snapshot is on the pages behind it: such a post may come once more when the client resumes, in whichever order."""
    problems = list(listener.problems)
    who = f"listener {listener.user}"
    deleted, told, newest = {}, set(), {}  # newest: of each author, since the last reset
    oldest = 0  # of the last snapshot
    for session in listener.sessions:
        for at, envelope in session.envelopes:
            kind = envelope["type"]
            if kind == "reset":
                told, newest, oldest = set(), {}, 0
            if "id" not in envelope:
                continue
            number, author = int(envelope["id"]), int(envelope["author_user_id"])
            post = history.posts.get(number)
            if post is None or post.author != author:
                problems.append(f"{who}: {number} of {author} was never written")
                continue
            if not history.edge(listener.user, author).may_hold(post.sent, at + LIVE_GRACE):
                problems.append(f"{who}: {kind} of {post} at {at:.3f}, who is not followed")
            if kind == "delete":
                deleted[number] = at
                if not post.may_be_gone(at):
                    problems.append(f"{who}: {post} was told deleted at {at:.3f}; nobody did")
                continue
            if number in deleted:
                problems.append(f"{who}: {kind} of {post} at {at:.3f}, told deleted at {deleted[number]:.3f}")
            if not post.had(envelope["text"], at):
                problems.append(f"{who}: {post} as {envelope['text']!r}, had {post.versions}")
            if envelope.get("snapshot") and not history.edge(listener.user, author).may_hold(session.opened, at):
                problems.append(f"{who}: {post} in a snapshot at {at:.3f}, who is not followed")
            if envelope.get("snapshot"):
                oldest = min(oldest or number, number)
            if kind == "post" and number not in told and number not in late:
                if oldest <= number < newest.get(author, 0):
                    problems.append(f"{who}: {post} at {at:.3f} after {newest[author]}, sent at {post.sent:.3f}")
                newest[author] = max(number, newest.get(author, 0))
                told.add(number)
    return problems


def judge_shown(history, listener, page, now):
    """What the client shows in the end beside its page. Of authors whom it followed or left since a post was written
    nothing is said: of that it knows by itself."""
    if not listener.whole:
        return [f"listener {listener.user}: not connected"]
    who, shown = f"listener {listener.user}", listener.shown
    there = {number: (author, text) for number, author, text in page.items}
    problems = []
    for number in sorted(there.keys() | shown.posts.keys()):
        post = history.posts.get(number)
        if post is None or not history.edge(listener.user, post.author).must_hold(post.sent, now):
            continue
        if number not in shown.posts and number >= shown.since:
            problems.append(f"{who} lacks {post}, sent {now - post.sent:.1f} s ago")
        elif number in shown.posts and number not in there:
            problems.append(f"{who} shows {post}, which is in no page")
        elif number in shown.posts and shown.posts[number] != there[number]:
            problems.append(f"{who} shows {post} as {shown.posts[number]}, and the page as {there[number]}")
    return problems


def judge_told(messages, load):
    """No message for nobody: (subject, event) as published; only watchers and listeners ever had a connection."""
    told = {int(subject.rsplit(".", 1)[1]) for subject, _ in list(messages) if subject.startswith("feed.")}
    connected = set(load.watched) | set(load.listened)
    return [f"user {user} was told something and is not there" for user in sorted(told - connected)]


def judge_order_of_acceptance(history):
    """One author's posts get rising ids in the order in which they were sent."""
    problems = []
    by_author = collections.defaultdict(list)
    for post in history.posts.values():
        by_author[post.author].append(post)
    for posts in by_author.values():
        posts.sort(key=lambda post: post.sent)
        problems += [f"{later} was accepted after {earlier}" for earlier, later in zip(posts, posts[1:])
                     if later.id < earlier.id]
    return problems


# ---- against the tables ----

def resolve(history, stack):
    """Finds out what became of posts without an answer. Call when the load has stopped, before all else."""
    nobodys = history.resolve(stack.sql("SELECT author_id, id, body FROM posts"))
    return [f"post {number} of {author} ({body!r}) was written by nobody" for author, number, body in nobodys]


def judge_tables(history, stack):
    """What was answered is in the tables, and nothing else is."""
    problems, now = [], time.monotonic()
    posts = {number: (author, body, gone) for author, number, body, gone in
             stack.sql("SELECT author_id, id, body, deleted_at IS NOT NULL FROM posts")}
    for post in history.posts.values():
        author, body, gone = posts.get(post.id, (None, None, None))
        if author != post.author:
            problems.append(f"{post} was answered and is lost")
            continue
        if gone and not post.may_be_gone(now):
            problems.append(f"{post} is deleted; nobody did")
        if not gone and post.must_be_gone(now):
            problems.append(f"{post}: the answered delete is lost")
        if not gone and not post.may_show(body, now, now):
            problems.append(f"{post} has the text {body!r}, had {post.versions}")
    edges = set(stack.sql("SELECT follower_id, followed_id FROM followees"))
    reverse = set(stack.sql("SELECT follower_id, followed_id FROM followers"))
    problems += [f"follow {pair} is in one direction only" for pair in sorted(edges ^ reverse)]
    for pair in sorted(edges | history.edges.keys()):
        edge = history.edge(*pair)
        if pair in edges and not edge.may_hold(now, now):
            problems.append(f"follow {pair} is there; its answered end is lost, or nobody made it")
        if pair not in edges and edge.must_hold(now, now):
            problems.append(f"the answered follow {pair} is lost")
    return problems


def judge_items(stack):
    """Feed items beside what follows and posts justify, above each feed's horizon."""
    horizon = ("greatest(coalesce((SELECT post_id FROM feed_horizon h WHERE h.user_id = {0}), 0), "
               "(SELECT post_id FROM feed_floor))")
    missing = stack.sql(
        "SELECT e.follower_id, p.author_id, p.id FROM followees e JOIN posts p ON p.author_id = e.followed_id "
        "WHERE p.deleted_at IS NULL AND p.id >= " + horizon.format("e.follower_id") +
        " AND NOT EXISTS (SELECT FROM celebrity_posts c WHERE c.author_id = p.author_id AND c.id = p.id)"
        " AND NOT EXISTS (SELECT FROM feed_items i WHERE i.user_id = e.follower_id AND i.post_id = p.id)")
    extra = stack.sql(
        "SELECT i.user_id, i.author_id, i.post_id FROM feed_items i WHERE NOT EXISTS (SELECT FROM followees e "
        "JOIN posts p ON p.author_id = e.followed_id WHERE e.follower_id = i.user_id AND p.id = i.post_id "
        "AND p.author_id = i.author_id AND p.deleted_at IS NULL)")
    counts = stack.sql(
        "SELECT u.id, u.follower_count, count(f.follower_id), u.is_celebrity FROM users u "
        "LEFT JOIN followers f ON f.followed_id = u.id GROUP BY u.id HAVING u.follower_count <> count(f.follower_id)")
    left = stack.sql("SELECT c.id FROM celebrity_posts c JOIN posts p ON p.author_id = c.author_id AND p.id = c.id "
                     "WHERE p.deleted_at IS NOT NULL")
    return ([f"feed of {user} lacks the item {post} of {author}" for user, author, post in missing] +
            [f"feed of {user} has the item {post} of {author} for no reason" for user, author, post in extra] +
            [f"user {user} counts {kept} followers and has {real}" for user, kept, real, _ in counts] +
            [f"celebrity post {post} is deleted and still there" for post, in left])


def judge_pages(stack, pages):
    """Every feed, as it is read over HTTP, against the brute force over follows and posts."""
    wanted = collections.defaultdict(list)
    for user, number, author, body in stack.sql(
            "SELECT e.follower_id, p.id, p.author_id, p.body FROM followees e JOIN posts p ON p.author_id = e.followed_id "
            "WHERE p.deleted_at IS NULL ORDER BY p.id DESC"):
        wanted[user].append((number, author, body))
    problems = []
    for user, page in pages.items():
        there, due = collections.Counter(page.items), collections.Counter(wanted[user])
        problems += [f"page of {user} lacks {item}" for item in due - there]
        problems += [f"page of {user} has {item} too much" for item in there - due]
        if not problems and page.items != wanted[user]:
            problems.append(f"page of {user} is out of order")
    return problems


# ---- processes and logs ----

_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")


def judge_logs(stack, expected_errors=()):
    """No token in any line; no error that was not to be expected."""
    problems = []
    for process in stack.processes:
        for line in process.logs().splitlines():
            if _TOKEN.search(line):
                problems.append(f"{process.name} logged a token: {line[:300]}")
            try:
                level = json.loads(line)["level"]
            except (ValueError, KeyError, TypeError):
                problems.append(f"{process.name}: not a log line: {line[:500]}")
                continue
            if level == "error" and not any(re.search(pattern, line) for pattern in expected_errors):
                problems.append(f"{process.name}: {line[:500]}")
    for name, path in (("nats-server", stack.nats.log), ("postgres", stack.postgres.log)):
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if _TOKEN.search(line) or re.search(r"deadlock detected|PANIC", line):
                    problems.append(f"{name}: {line.strip()[:500]}")
    return problems


def judge_processes(stack):
    return [f"{process.name} ended with {process.child.returncode}" for process in stack.processes
            if process.child is not None and not process.alive]


# ---- all of it ----

def audit(stack):
    done = stack.ctl("audit", "--all", check=False, timeout=10 * PATIENCE)
    return [] if done.returncode == 0 else [f"freshetctl audit ended with {done.returncode}: {done.stdout}{done.stderr}"]


def judge(load, expected_errors=(), late=(), patience=60, live_patience=10):
    """Everything above, after the load has stopped. Returns the problems. How long, in seconds: `patience` for the system
    to work off what there is, `live_patience` from then on for the last frames to arrive."""
    stack, history = load.stack, load.history
    problems = judge_processes(stack)
    for process in stack.processes:
        if process.alive:
            process.wait_ready(patience)
    stack.settled(patience)
    problems += resolve(history, stack)
    eventually(lambda: all(watcher.joined for watcher in load.watchers), patience, "every watcher connected and filled")
    eventually(lambda: all(listener.whole for listener in load.listeners), patience, "every listener connected")

    pages = load.read_all()
    problems += judge_tables(history, stack) + judge_items(stack) + judge_pages(stack, pages)

    def all_came():
        now = time.monotonic()
        lacking = [line for watcher in load.watchers
                   for line in missing_live(history, watcher, pages[watcher.user], now)]
        lacking += [line for listener in load.listeners
                    for line in judge_shown(history, listener, pages[listener.user], now)]
        assert not lacking, lacking
        return True

    try:
        eventually(all_came, live_patience, every=0.2)
    except AssertionError as lacking:
        problems += lacking.args[0]
    now = time.monotonic()
    for watcher in load.watchers:
        problems += surplus_live(history, watcher, pages[watcher.user], now)
    for walk in history.walks:
        problems += judge_walk(history, walk)
    problems += judge_vanishing(history) + judge_order_of_acceptance(history)
    problems += judge_live(history, load.watchers, late)
    for listener in load.listeners:
        problems += judge_listener(history, listener, late)
    problems += audit(stack)
    problems += judge_logs(stack, expected_errors) + history.odd
    return problems


def report(problems, load, what):
    frames = sum(len(connection.frames) for watcher in load.watchers for connection in watcher.connections)
    codes = collections.Counter(connection.code for watcher in load.watchers for connection in watcher.connections
                                if connection.code is not None)
    sessions = [session for listener in load.listeners for session in listener.sessions]
    envelopes = [envelope for session in sessions for _, envelope in session.envelopes]
    kinds = collections.Counter(envelope["type"] for envelope in envelopes)
    resumed = sum(bool(envelope.get("resumed")) for envelope in envelopes)
    lines = [f"{what}: {len(problems)} problems (FRESHET_TEST_SEED={load.seed.partition(':')[0]} repeats its choices)",
             f"load: {dict(load.done)}, {frames} frames, closes {dict(codes)}",
             f"listeners: {len(sessions)} connections, {resumed} resumed, {dict(kinds)}"]
    kinds = collections.Counter()
    for problem in problems:
        kind = re.sub(r"\d+", "#", problem)[:60]
        kinds[kind] += 1
        if kinds[kind] <= SHOWN:
            lines.append(problem)
    lines += [f"… and {count - SHOWN} more like {kind!r}" for kind, count in kinds.items() if count > SHOWN]
    return "\n".join(lines)
