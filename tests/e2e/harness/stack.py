#!/usr/bin/python3
"""The system that the browser tests look at, ruled by another program: each line of stdin is a request, {"n": 1, "do": "kill",
"gateway": "gateway-0"}, each line of stdout its answer, {"n": 1, "value": …} or {"n": 1, "error": "…"}. The end of stdin is the
end of the system, so that nothing is left when the other program dies.

Standing on the harness of the integration tests: PostgreSQL, nats-server, a materializer and gateways that serve the page."""

import json
import os
import pathlib
import secrets
import signal
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration"))

from harness import Stack
from harness.proxy import Proxy

ROOT = pathlib.Path(__file__).resolve().parents[3]
WEB = pathlib.Path(os.environ.get("FRESHET_TEST_WEB") or ROOT / "web" / "dist")


class System:
    """Every public method is a request: its arguments are the request's members, what it returns is the answer."""

    def __init__(self):
        self.admin_token = secrets.token_hex(32)
        self.stack = Stack(gateways=0, celebrity_threshold=3, celebrity_quiet="200ms")
        self.fronts = []
        self.password_hash = None

    def gateway(self, **settings):
        """One more, running: {"name", "url"}."""
        made = self.stack.add_gateway(web_dir=WEB, admin_token=self.admin_token, **settings)
        made.start()
        return {"name": made.name, "url": f"http://127.0.0.1:{made.port}"}

    def secret(self):
        """The token of the operations page."""
        return self.admin_token

    def person(self, firstName, secondName, password, birthdate=None, biography="", city=""):
        """An account and a token of it: {"id", "token"}. All have the same password, which is hashed for the first of them
        alone: hashes are slow on purpose, and there are hundreds of people."""
        if self.password_hash is None:
            form = {"first_name": "First", "second_name": "Of all", "password": password}
            request = urllib.request.Request(f"http://127.0.0.1:{self.stack.gateway.port}/user/register", json.dumps(form).encode(),
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request) as answer:
                first = int(json.load(answer)["user_id"])
            self.password_hash = self.stack.sql("SELECT password_hash FROM users WHERE id = %s", first)[0][0]
        user, = self.stack.make_users(1)
        self.stack.sql("UPDATE users SET first_name = %s, second_name = %s, birthdate = %s, biography = %s, city = %s, "
                       "password_hash = %s WHERE id = %s",
                       firstName, secondName, birthdate, biography, city, self.password_hash, user)
        return {"id": str(user), "token": self.stack.mint(user)}

    def kill(self, gateway):
        """SIGKILL."""
        self._find(gateway).kill()

    def terminate(self, gateway):
        """SIGTERM; returns while it drains."""
        self._find(gateway).signal(signal.SIGTERM)

    def is_running(self, gateway):
        return self._find(gateway).alive

    def start(self, gateway):
        """Again, on the same port."""
        self._find(gateway).start()

    def front(self, gateway):
        """An address of its own behind which that gateway stands: {"name", "url"}."""
        made = Proxy(self._find(gateway).port, seed=0)
        self.fronts.append(made)
        return {"name": len(self.fronts) - 1, "url": f"http://127.0.0.1:{made.port}"}

    def point(self, front, gateway):
        """New connections go there from now on."""
        self.fronts[front].path = self._find(gateway).port

    def cut(self, front):
        """Breaks every connection through it."""
        self.fronts[front].cut_all()

    def settled(self):
        """Every event is worked off."""
        self.stack.settled()

    def tails(self):
        return self.stack.tails()

    def close(self):
        """Stops everything; an error tells which process did not end well, or complained in its log."""
        for front in self.fronts:
            front.close()
        self.stack.close()

    def _find(self, name):
        return next(one for one in self.stack.gateways if one.name == name)


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Ctrl-C in a terminal reaches us as well as the one who rules us, who still has to close its browser.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anything else prints is no answer
    system = System()
    try:
        for line in sys.stdin:
            request = json.loads(line)
            number, verb = request.pop("n"), request.pop("do")
            try:
                answer = {"n": number, "value": getattr(system, verb)(**request)}
            except Exception as problem:  # whatever it is, the tests are told
                answer = {"n": number, "error": f"{verb}: {type(problem).__name__}: {problem}"}
            print(json.dumps(answer), file=answers, flush=True)
    finally:
        system.stack.discard()


if __name__ == "__main__":
    main()
