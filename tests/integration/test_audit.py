"""freshetctl audit: each kind of defect is planted in SQL and found by exactly its line, repaired, and gone; what is in
flight is not accused; a system under load is clean."""

import collections
import itertools
import random
import re
import threading

import psycopg2
import pytest

from api import Api
from harness import eventually
from harness.waiting import PATIENCE
from outbox_lab import DELETE, FOLLOW, POST, UNFOLLOW, Lab


@pytest.fixture(scope="module")
def shared():
    lab = Lab()
    yield lab
    lab.close()


@pytest.fixture
def lab(shared):
    """An empty system."""
    shared.run("TRUNCATE users, posts, outbox, followers, followees, follower_delta, feed_items, celebrities, "
               "celebrity_posts, departed, feed_horizon, feed_grown")
    shared.run("UPDATE feed_floor SET post_id = 0")
    yield shared
    shared.clean()


class World:
    """Five readers of two authors and a celebrity, everything in its place."""

    def __init__(self, lab):
        self.lab = lab
        self.writer, self.other, self.stranger = lab.users(3)
        self.star, = lab.users(1, celebrity=True)
        self.readers = lab.users(5)
        self.reader = self.readers[0]
        for author in (self.writer, self.other, self.star):
            for reader in self.readers:
                self.follow(reader, author)
        self.posts = [lab.post(self.writer, told=False) for _ in range(4)]
        self.others = [lab.post(self.other, told=False) for _ in range(4)]
        self.strange = lab.post(self.stranger, told=False)
        self.stars = [lab.post(self.star, told=False) for _ in range(3)]
        self.gone = lab.post(self.writer, told=False)
        lab.run("UPDATE posts SET deleted_at = now() WHERE id = %s", self.gone)
        lab.run("INSERT INTO celebrity_posts (author_id, id) SELECT author_id, id FROM posts WHERE author_id = %s", self.star)
        lab.run("INSERT INTO feed_items (user_id, post_id, author_id) SELECT f.follower_id, p.id, p.author_id "
                "FROM posts p JOIN followers f ON f.followed_id = p.author_id "
                "WHERE p.author_id <> %s AND p.deleted_at IS NULL", self.star)

    def follow(self, reader, author):
        self.lab.edge(reader, author)

    def lose(self, post, user=None):
        self.lab.run("DELETE FROM feed_items WHERE post_id = %s AND user_id = coalesce(%s, user_id)", post, user)

    def item(self, user, post, author):
        self.lab.run("INSERT INTO feed_items (user_id, post_id, author_id) VALUES (%s, %s, %s)", user, post, author)


@pytest.fixture
def world(lab):
    return World(lab)


def audit(stack, *options, code=0):
    """The lines of defects, and of what is undecided, and all that was said."""
    done = stack.ctl("audit", *options, check=False)
    assert done.returncode == code, f"ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr}"
    assert done.stderr == "" or re.fullmatch(r"((auditing|waiting)[^\n]*\n)*", done.stderr), done.stderr
    lines = [line for line in done.stdout.splitlines() if re.match(r"[a-z]+: (?!\d+ users audited)", line)]
    return lines, done.stdout


# ---- what is right ----

def test_an_empty_system_is_clean(lab):
    assert "clean: 0 users audited" in audit(lab.stack, "--all")[1]


def test_a_clean_system_is_clean(world):
    for options in (["--all"], ["--all", "--pages"], ["--sample=4"], ["--sample=100"], [f"--user={world.reader}"],
                    ["--all", "--repair"]):
        lines, told = audit(world.lab.stack, *options)
        assert lines == [] and re.search(r"^clean: .* 0 defects$", told, re.M), told


def test_a_sample_can_be_had_again(world):
    told = audit(world.lab.stack, "--sample=3")[1]
    assert re.search(r"^seed \d+$", told, re.M) and "clean: 3 users audited" in told
    assert audit(world.lab.stack, "--sample=3", "--seed=7")[1].startswith("seed 7\n")


def test_figures_of_one_user(world):
    told = audit(world.lab.stack, f"--user={world.reader}")[1]
    for name, value in [("follows", "3"), ("followers", "0"), ("feed items", "8"), ("newest item", str(world.others[-1])),
                        ("oldest item", str(world.posts[0])), ("horizon", "none: all posts are in the feed"),
                        ("celebrities", "1, 3 posts merged into pages")]:
        assert re.search(rf"^  {name} +{value}$", told, re.M), told
    assert "1 pages of 1 users read, 11 posts" in told
    done = world.lab.stack.ctl("audit", "--user=999999", check=False)
    assert done.returncode == 1 and done.stdout == "" and "there is no user 999999" in done.stderr


def test_what_lies_below_the_horizon_may_lack(world):
    """Pages pull it. Items that are there still want a reason."""
    lab = world.lab
    world.lose(world.posts[0], world.reader)
    lab.run("INSERT INTO feed_horizon VALUES (%s, %s)", world.reader, world.posts[1])
    # Until the page pulls below the horizon it lacks that post, which is the page's defect and not the feed's.
    assert [line for line in audit_any(lab.stack, "--all") if not line.startswith("page:")] == []
    world.lose(world.posts[1], world.reader)
    lines = [line for line in audit_any(lab.stack, "--all") if not line.startswith("page:")]
    assert lines == [f"missing: user {world.reader} has not post {world.posts[1]} of author {world.writer}"]


def test_the_floor_is_everybodys_horizon(world):
    lab = world.lab
    world.lose(world.posts[0])
    lab.run("UPDATE feed_floor SET post_id = %s", world.posts[1])
    assert [line for line in audit_any(lab.stack, "--all") if not line.startswith("page:")] == []


def audit_any(stack, *options):
    """The lines, whatever the verdict."""
    done = stack.ctl("audit", *options, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if re.match(r"[a-z]+: (?!\d+ users audited)", line)]


# ---- planted defects ----

def missing(world):
    world.lose(world.posts[1], world.reader)
    return [f"missing: user {world.reader} has not post {world.posts[1]} of author {world.writer}"]


def missing_everywhere(world):
    """A celebrity's post that nothing keeps: once for each follower."""
    world.lab.run("DELETE FROM celebrity_posts WHERE id = %s", world.stars[1])
    return [f"missing: user {reader} has not post {world.stars[1]} of author {world.star}" for reader in world.readers]


def extra_not_followed(world):
    world.item(world.reader, world.strange, world.stranger)
    return [f"extra: user {world.reader} has post {world.strange} of author {world.stranger}, who is not followed"]


def extra_deleted(world):
    world.item(world.reader, world.gone, world.writer)
    return [f"extra: user {world.reader} has post {world.gone} of author {world.writer}, which is deleted"]


def extra_unknown_post(world):
    world.item(world.reader, 77, world.writer)
    return [f"extra: user {world.reader} has post 77 of author {world.writer}, which does not exist"]


def extra_other_author(world):
    """The item hides the right one, which is missing."""
    world.lab.run("UPDATE feed_items SET author_id = %s WHERE user_id = %s AND post_id = %s",
                  world.other, world.reader, world.posts[2])
    return [f"extra: user {world.reader} has post {world.posts[2]} of author {world.other}, who did not write it",
            f"missing: user {world.reader} has not post {world.posts[2]} of author {world.writer}"]


def extra_unknown_user(world):
    world.item(999999, world.posts[0], world.writer)
    return [f"extra: user 999999 has post {world.posts[0]} of author {world.writer}, but there is no such user any more"]


def extra_deleted_user(world):
    user, = world.lab.users(1)
    world.item(user, world.posts[0], world.writer)
    world.lab.run("UPDATE users SET deleted_at = now() WHERE id = %s", user)
    return [f"extra: user {user} has post {world.posts[0]} of author {world.writer}, but there is no such user any more"]


def doubled(world):
    world.lab.run("INSERT INTO celebrity_posts VALUES (%s, %s)", world.writer, world.posts[3])
    world.lab.run("INSERT INTO celebrities (id) VALUES (%s)", world.writer)
    return [f"doubled: user {reader} has post {world.posts[3]} of author {world.writer} as an item and as a celebrity's"
            for reader in world.readers]


def stored_deleted(world):
    world.lab.run("UPDATE posts SET deleted_at = now() WHERE id = %s", world.stars[0])
    return [f"stored: post {world.stars[0]} of author {world.star} is kept for pages to merge, which is deleted"]


def stored_unknown(world):
    world.lab.run("INSERT INTO celebrity_posts VALUES (%s, 78)", world.star)
    return [f"stored: post 78 of author {world.star} is kept for pages to merge, which does not exist"]


def mirror_without_follower(world):
    """The fan-out would pass over that reader; the count follows the rows that are there."""
    world.lab.run("DELETE FROM followers WHERE followed_id = %s AND follower_id = %s", world.writer, world.reader)
    return [f"mirror: user {world.reader} follows author {world.writer} in followees, not in followers",
            f"count: author {world.writer} counts 5 followers and has 4"]


def mirror_without_followee(world):
    world.lab.run("INSERT INTO followers (followed_id, follower_id) VALUES (%s, %s)", world.stranger, world.reader)
    return [f"mirror: user {world.reader} follows author {world.stranger} in followers, not in followees",
            f"count: author {world.stranger} counts 0 followers and has 1"]


def count(world):
    world.lab.run("INSERT INTO follower_delta VALUES (%s, -1), (%s, -1)", world.writer, world.writer)
    return [f"count: author {world.writer} counts 3 followers and has 5"]


def celebrity_unknown(world):
    world.lab.run("UPDATE users SET is_celebrity = true WHERE id = %s", world.stranger)
    return [f"celebrity: author {world.stranger} is a celebrity and is not in celebrities"]


def celebrity_lost(world):
    """Pages merge nothing of that author any more: a defect of the graph, and not of each page."""
    world.lab.run("UPDATE users SET is_celebrity = false WHERE id = %s", world.star)
    world.lab.run("DELETE FROM celebrities WHERE id = %s", world.star)
    return [f"celebrity: author {world.star} has posts kept as a celebrity's and is not in celebrities"]


DEFECTS = [missing, missing_everywhere, extra_not_followed, extra_deleted, extra_unknown_post, extra_other_author,
           extra_unknown_user, extra_deleted_user, doubled, stored_deleted, stored_unknown, mirror_without_follower,
           mirror_without_followee, count, celebrity_unknown, celebrity_lost]


@pytest.mark.parametrize("plant", DEFECTS, ids=lambda plant: plant.__name__)
def test_a_planted_defect_is_found_and_repaired(world, plant):
    wanted = plant(world)
    stack = world.lab.stack
    lines = [line for line in audit_any(stack, "--all") if not line.startswith("page:")]
    assert sorted(lines) == sorted(wanted)
    lines, told = audit(stack, "--all", "--repair")
    # Putting an edge right puts the count of the edges right.
    assert {line.removesuffix("; repaired") for line in lines} == set(wanted) and "repaired: " in told
    assert all(line.endswith("; repaired") for line in lines)
    lines, told = audit(stack, "--all", "--pages")
    assert lines == [] and "clean: " in told


def test_all_defects_at_once(world):
    wanted = set()
    for plant in (missing, extra_not_followed, extra_deleted, extra_unknown_post, extra_unknown_user, stored_unknown,
                  mirror_without_followee, celebrity_unknown):
        wanted |= set(plant(world))
    lines, told = audit(world.lab.stack, "--all", code=1)
    assert set(lines) == wanted and f"{len(wanted)} defects" in told
    shown, told = audit(world.lab.stack, "--all", "--limit=2", code=1)
    assert len(shown) == 2 and f"and {len(wanted) - 2} more; --limit shows them" in told
    audit(world.lab.stack, "--all", "--repair")
    audit(world.lab.stack, "--all", "--pages")


def test_only_those_asked_for_are_audited(world):
    world.lose(world.posts[1], world.readers[1])
    assert audit(world.lab.stack, f"--user={world.reader}")[0] == []
    assert len(audit(world.lab.stack, f"--user={world.readers[1]}", code=1)[0]) == 1
    # What those whom they follow wrote belongs to it.
    stored_unknown(world)
    assert len(audit(world.lab.stack, f"--user={world.reader}", code=1)[0]) == 1


def test_posts_out_of_order_are_told_and_stay(world):
    world.lab.run("UPDATE posts SET created_at = created_at - interval '1 s' WHERE id = %s", world.posts[2])
    line = f"order: post {world.posts[2]} of author {world.writer} was accepted before post {world.posts[1]}"
    assert audit(world.lab.stack, "--all", code=1)[0] == [line]
    assert audit(world.lab.stack, "--all", "--repair", code=1)[0] == [line]


def test_a_page_that_lacks_what_the_feed_has(world):
    """The pages of a celebrity who is not known as one lack the posts that are kept for them."""
    celebrity_lost(world)
    lines = audit(world.lab.stack, f"--user={world.reader}", code=1)[0]
    assert sorted(line for line in lines if line.startswith("page:")) == sorted(
        f"page: the pages of user {world.reader} lack the post {post} of author {world.star}" for post in world.stars)


def test_pages_are_read_to_the_end(world):
    """More posts than a page has, of two kinds, with equal ids and authors on the seam."""
    lab = world.lab
    for _ in range(130):
        author = random.choice((world.writer, world.other, world.star))
        post = lab.post(author, told=False)
        if author == world.star:
            lab.run("INSERT INTO celebrity_posts VALUES (%s, %s)", author, post)
        else:
            lab.run("INSERT INTO feed_items SELECT follower_id, %s, %s FROM followers WHERE followed_id = %s",
                    post, author, author)
    told = audit(lab.stack, f"--user={world.reader}")[1]
    assert "2 pages of 1 users read, 141 posts" in told


def test_accounts_being_taken_apart_are_left_alone(world):
    lab = world.lab
    lab.run("INSERT INTO departed (id) VALUES (%s), (%s)", world.writer, world.readers[1])
    lab.run("UPDATE users SET deleted_at = now() WHERE id IN (%s, %s)", world.writer, world.readers[1])
    world.lose(world.posts[0], world.reader)
    lab.run("DELETE FROM followers WHERE followed_id = %s AND follower_id = %s", world.writer, world.readers[2])
    lines = [line for line in audit_any(lab.stack, "--all") if not line.startswith("page:")]
    assert lines == []


# ---- what is in flight ----

@pytest.mark.parametrize("change", ["post", "follow", "unfollow", "delete", "stored"])
def test_what_an_event_explains_is_waited_for(world, change):
    """Nobody works the outbox off: it can't be told. Somebody does: it is clean."""
    lab = world.lab
    fresh, = lab.users(1)
    if change == "post":
        post, event, suspects = lab.post(world.writer), "post", len(world.readers)
    elif change == "follow":
        lab.follow(fresh, world.writer)
        event, suspects = "follow", len(world.posts)
    elif change == "unfollow":
        lab.unfollow(world.reader, world.writer)
        event, suspects = "unfollow", len(world.posts)
    else:
        author, post = (world.star, world.stars[0]) if change == "stored" else (world.writer, world.posts[0])
        lab.delete(author, post)
        event, suspects = "delete", 1 if change == "stored" else len(world.readers)
    lines, told = audit(lab.stack, "--all", "--wait=1", code=3)
    assert len(lines) == suspects and f"undecided  {suspects}: the outbox does not move" in told
    assert all(re.match(rf"undecided: .*; event \d+ \({event}\) of partition \d+ is pending", line) for line in lines)
    lab.materializer()
    lines, told = audit(lab.stack, "--all", "--pages")
    assert lines == [] and "clean: " in told


def test_an_event_of_something_else_explains_nothing(world):
    world.lose(world.posts[0], world.reader)
    world.lab.event(world.writer, POST, world.posts[1])
    world.lab.event(world.writer, FOLLOW, world.readers[1])
    world.lab.event(world.writer, UNFOLLOW, world.reader)
    world.lab.event(world.writer, DELETE, world.posts[0])
    lines, told = audit(world.lab.stack, "--all", "--wait=1", code=1)
    assert lines == [f"missing: user {world.reader} has not post {world.posts[0]} of author {world.writer}"], told


def test_a_dead_event_is_named_and_left_for_its_replay(world):
    lab = world.lab
    post = lab.post(world.writer)
    lab.run("UPDATE outbox SET state = 2, tries = 5, reason = 'bad'")
    event = lab.one("SELECT event_id FROM outbox")
    wanted = {f"missing: user {reader} has not post {post} of author {world.writer}; dead event {event} (post) explains it"
              for reader in world.readers}
    for options in (["--all"], ["--all", "--repair"]):
        assert set(audit(lab.stack, *options, code=1)[0]) == wanted
    lab.stack.ctl("dead", "drop", world.writer, event, "--yes")
    assert len(audit(lab.stack, "--all", "--repair")[0]) == len(world.readers)
    audit(lab.stack, "--all", "--pages")


def test_an_outbox_that_moves_is_waited_for(lab):
    """More suspects than the materializer has worked off when they are first looked at."""
    author, *readers = lab.users(41)
    for reader in readers:
        lab.edge(reader, author)
    for _ in range(300):
        lab.post(author)
    lab.materializer(batch_events=5)
    lines, told = audit(lab.stack, "--all")
    assert lines == [], told


def test_a_deletion_handled_between_unfollow_and_follow_leaves_nothing(world):
    """It passes over who is no follower then; the unfollow, handled when the edge is back, takes the item."""
    lab = world.lab
    lab.transaction(
        lambda: lab.run("DELETE FROM followers WHERE followed_id = %s AND follower_id = %s", world.writer, world.reader),
        lambda: lab.run("DELETE FROM followees WHERE followed_id = %s AND follower_id = %s", world.writer, world.reader))
    lab.delete(world.writer, world.posts[0])
    lab.materializer()
    lab.wait_worked_off()
    assert world.posts[0] in lab.items(world.reader)
    lab.transaction(lambda: lab.link(world.reader, world.writer),
                    lambda: lab.event(world.writer, UNFOLLOW, world.reader),
                    lambda: lab.event(world.writer, FOLLOW, world.reader))
    lab.wait_worked_off()
    assert world.posts[0] not in lab.items(world.reader)
    audit(lab.stack, "--all", "--pages")


# ---- the command ----

@pytest.mark.parametrize("options, told", [
    ([], "audit: wants one of --user=ID, --sample=N and --all"),
    (["--all", "--user=5"], "audit: wants one of"),
    (["--user=x"], "--user: must be a user's id"),
    (["--sample=0"], "--sample: must be a whole number within 1 and"),
    (["--all", "--seed=3"], "--seed: goes with --sample"),
    (["--user=5", "--pages"], "--pages: goes with --all"),
    (["--all", "--wait=x"], "--wait: must be a whole number"),
    (["--all", "5"], "audit: too many arguments"),
])
def test_wrong_usage(lab, options, told):
    done = lab.stack.ctl("audit", *options, check=False)
    assert done.returncode == 2 and done.stdout == "" and told in done.stderr


def test_a_database_that_is_away_is_not_told_as_a_defect(lab):
    lab.stack.environment["FRESHET_DATABASE_URL"], url = "host=127.0.0.1 port=1", lab.stack.environment["FRESHET_DATABASE_URL"]
    try:
        done = lab.stack.ctl("audit", "--all", check=False)
    finally:
        lab.stack.environment["FRESHET_DATABASE_URL"] = url
    assert done.returncode == 3 and done.stdout == "" and "no database connection" in done.stderr


# ---- under load ----

class Load:
    """Clients that post, edit, delete, follow and unfollow over HTTP until they are stopped. Nobody writes more posts
    than a follow brings into a feed."""

    POSTS_MAX = 90

    def __init__(self, stack, people, threads=4):
        self.api = Api(f"http://127.0.0.1:{stack.gateway.port}")
        self.people = [(person, stack.mint(person)) for person in people]
        self.stopping = threading.Event()
        self.changes, self.problems = itertools.count(), []
        self.written = collections.Counter()
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def work(self, seed):
        choice = random.Random(seed)
        mine = []
        try:
            while not self.stopping.is_set():
                person, token = choice.choice(self.people)
                kind = choice.random()
                if kind < 0.4 and self.written[person] < self.POSTS_MAX - len(self.threads):
                    self.written[person] += 1
                    answer = self.ask("POST", "/post/create", token, json_body={"text": f"text {next(self.changes)}"})
                    if answer.status == 200:
                        mine.append((answer.json, token))
                elif kind < 0.5 and mine:
                    post, token = choice.choice(mine)
                    self.ask("PUT", "/post/update", token, json_body={"id": post, "text": f"text {next(self.changes)}"})
                elif kind < 0.65 and mine:
                    post, token = mine.pop(choice.randrange(len(mine)))
                    self.ask("PUT", f"/post/delete/{post}", token)
                else:
                    other = choice.choice([one for one, _ in self.people if one != person])
                    self.ask("PUT", f"/friend/{choice.choice(('set', 'delete'))}/{other}", token)
                next(self.changes)
        except Exception as problem:  # told by the test that stops it
            self.problems.append(problem)

    def ask(self, method, path, token, **more):
        """On a busy machine a request may time out: whether it took effect is for the auditor to see."""
        answer = self.api.call(method, path, token, **more)
        assert answer.status in (200, 503), f"{method} {path}: {answer}"
        return answer

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert not self.problems, self.problems


@pytest.mark.parametrize("threshold", [500, 5])
def test_under_load_nobody_is_accused(own_stack, threshold):
    """With everybody ordinary, and with celebrities among them."""
    stack = own_stack(celebrity_threshold=threshold)
    people = stack.make_users(25)
    for star in people[:2] if threshold == 5 else []:
        stack.sql("UPDATE users SET is_celebrity = true WHERE id = %s", star)
        stack.sql("INSERT INTO celebrities (id) VALUES (%s)", star)
    load = Load(stack, people)
    try:
        for number in range(12):
            audit(stack, "--all", *(["--pages"] if number % 2 else []), *(["--repair"] if number % 3 == 2 else []))
    finally:
        load.stop()
    assert next(load.changes) > 100
    lines, told = audit(stack, "--all", "--pages")
    assert lines == [] and "clean: " in told
    stack.settled()
    lines, told = audit(stack, "--all", "--pages")
    assert lines == [] and "in flight" not in told


def plant(stack, statement):
    """However often a handler that waits for it makes it the victim of a ring."""
    while True:
        try:
            stack.sql(statement)
            return
        except psycopg2.errors.DeadlockDetected:
            continue


def test_planted_defects_are_repaired_under_load(own_stack):
    stack = own_stack()
    people = stack.make_users(25)
    load = Load(stack, people)
    try:
        eventually(lambda: stack.sql("SELECT count(*) FROM feed_items")[0][0] > 100)
        for _ in range(5):
            plant(stack, "DELETE FROM feed_items WHERE post_id % 3 = 0")
            plant(stack, "INSERT INTO feed_items SELECT u.id, p.id, p.author_id FROM posts p, users u WHERE p.id % 5 = 0 "
                         "ORDER BY 1, 2 ON CONFLICT DO NOTHING")
            stack.sql("UPDATE users SET follower_count = 7 WHERE id = %s", people[0])
            audit(stack, "--all", "--repair")
            audit(stack, "--all", "--pages")
    finally:
        load.stop()
    audit(stack, "--all", "--pages")


def test_a_system_without_a_materializer_says_so(own_stack):
    stack = own_stack(materializers=0)
    writer, reader = stack.make_users(2)
    stack.make_follows([(reader, writer)])
    Api(f"http://127.0.0.1:{stack.gateway.port}").post(stack.mint(writer), "text")
    lines, told = audit(stack, "--all", "--wait=1", code=3)
    assert len(lines) == 1 and "is a materializer running?" in told
    stack.add_materializer().start()
    assert "clean: " in audit(stack, "--all")[1]


def test_created_at_rises_with_the_ids_of_an_author(own_stack):
    """Posts that wait for each other at the author's row."""
    stack = own_stack(gateways=2, materializers=0)
    writer, = stack.make_users(1)
    token = stack.mint(writer)
    apis = [Api(f"http://127.0.0.1:{gateway.port}") for gateway in stack.gateways]

    def write(number):
        for _ in range(25):
            apis[number % 2].post(token, "text")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert stack.sql("SELECT count(*) FROM posts") == [(200,)]
    assert audit(stack, f"--user={writer}")[0] == []
