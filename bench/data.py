"""Data for the benches that need much of it or of a certain shape: loaded with progress, and bounded."""

import contextlib
import os
import shutil
import subprocess
import sys
import time

from lab import BIN, Lab
from rows import catch_signals, ignore_signals

EMPTY_MB = 300      # servers with nothing in them, and logs
ROW_BYTES = 160     # of the load, with indexes and the write-ahead log that is kept meanwhile


class TooLittleRoom(RuntimeError):
    """The disk has no room for the data."""


def rows_of(users, follows, posts, feeds):
    """About how many rows freshetctl generate writes."""
    each_follows, each_posts = sum(follows) / 2, sum(posts) / 2
    return users * (1 + 2 * each_follows + each_posts) + feeds * min(1000, each_follows * each_posts)


@contextlib.contextmanager
def loaded_lab(users, follows, posts, feeds, seed, *more, patience=3600):
    """A context: (a Lab with these data, seconds that loading took). What freshetctl says on its way is on standard error."""
    wanted = EMPTY_MB * 1e6 + ROW_BYTES * rows_of(users, follows, posts, feeds)
    room = shutil.disk_usage("/tmp").free
    if room < wanted:
        raise TooLittleRoom(f"/tmp has room for {room / 1e9:.1f} GB and {wanted / 1e9:.1f} GB are wanted")
    lab = None
    try:
        lab = Lab()
        started = time.monotonic()
        done = subprocess.run([BIN / "freshetctl", "generate", f"--users={users}", f"--follows={follows[0]}..{follows[1]}",
                               f"--posts={posts[0]}..{posts[1]}", f"--feeds={feeds}", f"--seed={seed}", *more],
                              env=lab.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False,
                              cwd=lab.folder, timeout=patience)
        if done.returncode != 0:
            raise RuntimeError(f"freshetctl generate ended with {done.returncode}")
        lab.users = users
        print("  " + done.stdout.replace("\n", "\n  ").rstrip(), file=sys.stderr, flush=True)
        yield lab, time.monotonic() - started
    finally:
        ignore_signals()
        if lab is not None:
            lab.close()
        catch_signals()


def tokens_of_some(lab, count, ranges=20):
    """A file with tokens of about so many users, in runs that lie all over the ids."""
    if count >= lab.users:
        return lab.tokens(1, lab.users)
    path = lab.path(f"tokens-of-{count}")
    if not os.path.exists(path):
        each = max(1, count // ranges)
        apart = lab.users // ranges
        with open(path, "w", encoding="ascii") as out:
            for place in range(ranges):
                first = 1 + place * apart + lab.random.randrange(max(1, apart - each))
                out.write(lab.ctl("token", "mint", f"{first}..{first + each - 1}"))
    return path


def read_tokens(path):
    """{id: token}"""
    with open(path, encoding="ascii") as lines:
        return {int(number): token for number, token in (line.rstrip("\n").split("\t") for line in lines)}


def write_tokens(path, tokens, people):
    with open(path, "w", encoding="ascii") as out:
        out.writelines(f"{number}\t{tokens[number]}\n" for number in people)
    return path


def write_follows(lab, path, readers):
    """Whom these follow, for wsbench."""
    with lab.db.cursor() as cursor, open(path, "w", encoding="ascii") as out:
        cursor.copy_expert("COPY (SELECT follower_id, followed_id FROM followees WHERE follower_id = ANY ('{"
                           + ",".join(map(str, readers)) + "}')) TO STDOUT", out)
    return path


def new_users(lab, count, followers):
    """Ids of new users, `followers` of each as a count; the edges come with add_follows()."""
    first = lab.one("SELECT max(id) + 1 FROM users")
    lab.run("INSERT INTO users (id, first_name, second_name, follower_count) SELECT id, 'A', 'B', %s "
            "FROM generate_series(%s, %s) AS id", followers, first, first + count - 1)
    return range(first, first + count)


def add_follows(lab, pairs):
    """(follower, followed), all new."""
    lines = [f"{follower}\t{followed}\n" for follower, followed in pairs]
    lab.copy("followers (follower_id, followed_id)", lines)
    lab.copy("followees (follower_id, followed_id)", lines)
    return lines
