"""The stage of one fault test: a system of its own under load."""

import os
import signal
import time

from harness import Proxy, Stack
from outbox_lab import Tap

from load import Load
from verdict import judge, judge_told, report

THRESHOLD = 12  # of celebrities


class Scene:
    """name: of the test: with the seed it decides what the load does. long: more users, longer times."""

    def __init__(self, name, seed, long):
        self.name, self.seed, self.long = name, f"{seed}:{name}", long
        self.stack = self.load = self.tap = None
        self.proxies, self.nats_proxies = [], []

    def begin(self, gateways=2, materializers=1, proxied=False, nats_proxied=False, roam=0.15,
              people=None, **settings):
        """Starts the system and its load, and lets it run for a moment. `proxied`: each process reaches PostgreSQL through
        a proxy of its own. `nats_proxied`: each gateway reaches NATS through one. `people`: what Load() is to have
        else. `roam`: how probable it is that a client changes the gateway before a request."""
        self.stack = Stack(gateways=0, materializers=0, log_format="json", celebrity_threshold=THRESHOLD, **settings)
        self.stack.sql("CREATE TABLE seen_flips (id bigint, became boolean)")
        self.stack.sql("CREATE FUNCTION see_flip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                       "INSERT INTO seen_flips VALUES (NEW.id, NEW.is_celebrity); RETURN NEW; END $$")
        self.stack.sql("CREATE TRIGGER see_flip AFTER UPDATE ON users FOR EACH ROW "
                       "WHEN (OLD.is_celebrity <> NEW.is_celebrity) EXECUTE FUNCTION see_flip()")
        for _ in range(materializers):
            self.stack.add_materializer(**self.materializer_settings(proxied))
        for _ in range(gateways):
            gateway = self.stack.add_gateway(**self.database(proxied), **self.nats(nats_proxied))
            gateway.environment["FRESHET_FAULT_CLOCK"] = gateway.clock_file = self.stack.path(f"{gateway.name}.clock")
        for process in self.stack.processes:
            process.start(wait=False)
        for process in self.stack.processes:
            process.wait_ready()
        if self.long:
            people = {"users": 120, "watchers": 50, "listeners": 40, "phase": 4.0, **(people or {})}
        self.load = Load(self.stack, self.seed, threshold=THRESHOLD, roam=roam, **(people or {}))
        self.tap = Tap(self.stack.nats.url)  # hears what is published, until NATS goes away
        self.load.start()
        self.go_on(5 if self.long else 1.5)

    def materializer_settings(self, proxied=False):
        return {"celebrity_quiet": "300ms", **self.database(proxied)}

    def database(self, proxied):
        """The setting of a process that is to reach PostgreSQL through a proxy of its own."""
        if not proxied:
            return {}
        self.proxies.append(Proxy(self.stack.postgres.socket, f"{self.seed}:proxy:{len(self.proxies)}"))
        return {"database_url": f"host=127.0.0.1 port={self.proxies[-1].port} user=freshet dbname=freshet "
                                "sslmode=disable gssencmode=disable"}

    def nats(self, proxied):
        """The same for NATS."""
        if not proxied:
            return {}
        self.nats_proxies.append(Proxy(self.stack.nats.port, f"{self.seed}:nats:{len(self.nats_proxies)}"))
        url = self.stack.nats.url.replace(f":{self.stack.nats.port}", f":{self.nats_proxies[-1].port}")
        return {"nats_url": url}

    def move_clock(self, gateway, milliseconds):
        """That gateway's clock is wrong by so much from now on."""
        with open(gateway.clock_file + ".new", "w", encoding="ascii") as text:
            text.write(str(milliseconds))
        os.rename(gateway.clock_file + ".new", gateway.clock_file)

    def go_on(self, seconds):
        """The load goes on for so long. (Not a wait for anything: what has to come is waited for in the verdict.)"""
        time.sleep(seconds)

    def judge(self, expected_errors=(), late=(), live_patience=10):
        """The verdict, when the load has stopped: problems."""
        problems = judge(self.load, expected_errors, late, 120 if self.long else 60, live_patience)
        return problems + judge_told(self.tap.messages, self.load)

    def end(self, expected_errors=(), late=()):
        """The load stops; the verdict; everything ends in order."""
        if self.load.running:
            self.go_on(10 if self.long else 1.5)
            self.load.stop()
        problems = self.judge(expected_errors, late)
        self.flipped = self.flips()
        assert not problems, report(problems, self.load, self.name)
        print(report(problems, self.load, self.name), self.flipped)
        self.load.close()
        for process in self.stack.processes:
            process.signal(signal.SIGTERM)  # all at once; the next one then waits for each
        self.stack.close()

    def flips(self):
        """How many authors became celebrities, how many ceased to be."""
        became = [row[0] for row in self.stack.sql("SELECT became FROM seen_flips")]
        return {"became": became.count(True), "ceased": became.count(False)}

    def close(self):
        stack, self.stack = self.stack, None
        try:
            if self.load is not None:
                self.load.close()
            if self.tap is not None:
                self.tap.close()
        finally:
            for proxy in self.proxies + self.nats_proxies:
                proxy.close()
            if stack is not None:
                stack.discard()
