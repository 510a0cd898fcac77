"""Users of a system, and what they do over plain HTTP, without an SDK: what the scenarios compare with."""

import http.client
import json

from api import Api, User


class Person(User):
    def __init__(self, id, token):
        super().__init__(str(id), token=token)


class People:
    """What they do goes through `gateway`, the first one if it is not said."""

    def __init__(self, stack, gateway=None):
        self.stack = stack
        self.api = Api(f"http://127.0.0.1:{(gateway or stack.gateway).port}")

    def some(self, count):
        """So many new users, without passwords."""
        return [Person(id, self.stack.mint(id)) for id in self.stack.make_users(count)]

    def reader_of(self, *authors):
        """A new user who follows them."""
        reader, = self.some(1)
        self.follow(reader, *authors)
        return reader

    def follow(self, reader, *authors):
        for author in authors:
            self.api.follow(reader, author)
        self.stack.settled()

    def short_token(self, person, life):
        """A token that is good for `life`, such as 3s."""
        return self.stack.ctl("token", "mint", person.id, "--token-ttl", life).stdout.strip()

    def connected(self, person):
        """How many live connections the gateway knows of them."""
        admin = http.client.HTTPConnection("127.0.0.1", self.stack.gateway.admin_port, timeout=10)
        try:
            admin.request("GET", "/debug/connections?limit=10000")
            listed = json.loads(admin.getresponse().read())["live_connections"]
        finally:
            admin.close()
        return sum(one["user_id"] == person.id for one in listed)

    def post(self, author, text="text"):
        return self.api.post(author, text)

    def edit(self, author, post, text):
        self.api.good("PUT", "/post/update", author, {"id": post, "text": text})

    def delete(self, author, post):
        self.api.good("PUT", f"/post/delete/{post}", author)
