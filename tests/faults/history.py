"""What the clients of a load did and were told, and what follows from it.

Clients write down every request with the time at which it was sent and the time of its answer. A request without a good
answer may or may not have happened: from its sending on both are possible. Everything here is therefore asked in two
forms, `may` and `must`; a verdict accuses only of what cannot have been. Times are of time.monotonic()."""

import bisect
import dataclasses

NEVER = float("inf")


class Edge:
    """Whether one user follows another, over time."""

    def __init__(self, follows):
        self.times, self.states = [-NEVER], [(follows, not follows)]  # (may follow, may not)

    def sent(self, follow, at):
        may, may_not = self.states[-1]
        self._append(at, (may or follow, may_not or not follow))

    def answered(self, follow, at):
        self._append(at, (follow, not follow))

    def _append(self, at, state):
        self.times.append(at)
        self.states.append(state)

    def _between(self, start, end):
        first = bisect.bisect_right(self.times, start) - 1
        last = bisect.bisect_right(self.times, end)
        return self.states[max(first, 0):max(last, first + 1)]

    def may_hold(self, start, end):
        """At some moment from start to end."""
        return any(may for may, _ in self._between(start, end))

    def must_hold(self, start, end):
        """At every moment from start to end."""
        return not any(may_not for _, may_not in self._between(start, end))


@dataclasses.dataclass
class Version:
    text: str
    sent: float
    answered: float = NEVER


class Post:
    def __init__(self, number, author, text, sent, answered=NEVER):
        self.id, self.author = number, author
        self.versions = [Version(text, sent, answered)]
        self.delete_sent = self.delete_answered = NEVER

    @property
    def sent(self):
        return self.versions[0].sent

    def may_show(self, text, start, end):
        """Whether a page read from start to end may show this text."""
        for place, version in enumerate(self.versions):
            if version.text == text and version.sent <= end:
                return all(later.answered > start for later in self.versions[place + 1:])
        return False

    def had(self, text, by):
        return any(version.text == text and version.sent <= by for version in self.versions)

    def may_be_gone(self, at):
        return self.delete_sent <= at

    def must_be_gone(self, at):
        return self.delete_answered <= at

    def __repr__(self):
        return f"post {self.id} of {self.author}"


@dataclasses.dataclass
class Attempt:
    """A post that was sent and not answered; its text is found in the table, or not."""

    author: int
    text: str
    sent: float
    ended: float


@dataclasses.dataclass
class Walk:
    """One user's pages, read one after another: the whole feed, or its beginning. Items are (id, author, text)."""

    user: int
    started: float
    ended: float
    items: list
    whole: bool

    @property
    def ids(self):
        return [item[0] for item in self.items]


class History:
    def __init__(self, users):
        self.users = list(users)
        self.edges = {}  # (follower, followed): Edge
        self.posts = {}  # id: Post
        self.attempts = {}  # text: Attempt
        self.walks = []
        self.odd = []  # what should not have been answered, as text

    def edge(self, follower, followed):
        key = follower, followed
        if key not in self.edges:
            self.edges[key] = Edge(False)
        return self.edges[key]

    def start_with(self, pairs):
        for pair in pairs:
            self.edges[pair] = Edge(True)

    def resolve(self, rows):
        """rows: (author, id, body) of all posts that the table has. What was sent without an answer and is there after
        all becomes a post like others. Gives back those that nobody can have written."""
        nobodys = []
        for author, number, body in rows:
            if number in self.posts:
                continue
            attempt = self.attempts.get(body)
            if attempt is None:
                # An unanswered post may have been edited by nobody: its author does not know its id.
                nobodys.append((author, number, body))
                continue
            self.posts[number] = Post(number, author, body, attempt.sent)
        return nobodys
