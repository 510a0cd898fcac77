"""One service of the build: started, stopped, killed, started again by tests."""

import http.client
import os
import re
import signal
import subprocess

from .waiting import PATIENCE, eventually

# What a sanitizer, or an assertion, says before it ends a process.
_COMPLAINT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")


class Process:
    """A program with its settings in the environment (command lines are for all eyes) and its log in a file, which is
    kept over restarts. `admin_port` is where it answers /readyz; None if it has no such place."""

    def __init__(self, name, command, environment, log, admin_port=None):
        self.name, self.command, self.environment, self.log = name, command, environment, log
        self.admin_port = admin_port
        self.child = None

    def start(self, wait=True):
        assert not self.alive, f"{self.name} runs already"
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, start_new_session=True, cwd=os.path.dirname(self.log))
        if wait:
            self.wait_ready()
        return self

    @property
    def alive(self):
        return self.child is not None and self.child.poll() is None

    @property
    def pid(self):
        return self.child.pid

    def readiness(self):
        """Status and body of /readyz; (0, reason) if it doesn't answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)
        finally:
            connection.close()

    def wait_ready(self, timeout=PATIENCE):
        last = None

        def ready():
            nonlocal last
            if not self.alive:
                raise RuntimeError(f"{self.name} ended with {self.child.returncode} while starting:\n{self.tail()}")
            if self.admin_port is None:
                return True
            last = self.readiness()
            return last[0] == 200

        try:
            eventually(ready, timeout)
        except AssertionError:
            raise AssertionError(f"{self.name} is not ready within {timeout} s: {last}\n{self.tail()}") from None
        return self

    def metrics(self):
        """/metrics as {"name{labels}": value}."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode("utf-8")
        finally:
            connection.close()
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        """SIGKILL, and its end."""
        self.child.kill()
        self.child.wait(PATIENCE)

    def stop(self, timeout=PATIENCE):
        """SIGTERM; it must end by itself, with 0, and its log must hold no complaint of a sanitizer."""
        if self.child is None:
            return
        if self.alive:
            self.child.terminate()
            try:
                code = self.child.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not end within {timeout} s of SIGTERM\n{self.tail()}") from None
            assert code == 0, f"{self.name} ended with {code} after SIGTERM\n{self.tail()}"
        else:
            assert self.child.returncode in (0, -signal.SIGKILL), \
                f"{self.name} had ended with {self.child.returncode}\n{self.tail()}"
        self.check_log()

    def restart(self):
        self.stop()
        self.start()

    def logs(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as lines:
                return lines.read()
        except FileNotFoundError:
            return ""

    def check_log(self):
        found = _COMPLAINT.search(self.logs())
        assert not found, f"{self.name}: {found.group(0)}\n{self.logs()[found.start():found.start() + 4000]}"

    def tail(self, lines=30):
        return f"--- {self.name}: {self.log} ---\n" + "\n".join(self.logs().splitlines()[-lines:])
