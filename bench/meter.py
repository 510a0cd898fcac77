"""What operations cost, by what does not depend on who else uses the machine: processor time of each process, bytes of the
write-ahead log. And how cost grows: the exponent of a power law through the measurements."""

import math
import statistics
import time

from measuring import processor_seconds

WHO = ("gateway", "materializer", "PostgreSQL", "NATS")


class Meter:
    """From its making on, or since begin(): processor seconds, elapsed time, write-ahead log."""

    def __init__(self, lab):
        self.lab = lab
        self.begin()

    def look(self):
        return {**self.lab.processor_seconds(), "gateway": processor_seconds([process.pid for process in self.lab.gateways]),
                "wal": self.lab.one("SELECT pg_current_wal_lsn() - '0/0'"), "elapsed": time.monotonic()}

    def begin(self):
        self.before = self.look()

    def spent(self):
        """{"gateway", "materializer", "PostgreSQL", "NATS": processor seconds; "wal": bytes; "elapsed": seconds}"""
        now = self.look()
        return {name: float(now[name] - self.before[name]) for name in now}


def processor(spent):
    """Seconds of all of them."""
    return sum(spent[who] for who in WHO)


class Fit:
    """y = a * x ** exponent through points of positive x and y; `error` is the standard error of the exponent."""

    def __init__(self, points):
        logs = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
        if len(logs) < 2 or len({x for x, _ in logs}) < 2:
            raise ValueError("an exponent wants two points")
        mean_x, mean_y = (statistics.fmean(values) for values in zip(*logs))
        spread = sum((x - mean_x) ** 2 for x, _ in logs)
        self.exponent = sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread
        self.scale = math.exp(mean_y - self.exponent * mean_x)
        left = sum((y - mean_y - self.exponent * (x - mean_x)) ** 2 for x, y in logs)
        self.error = math.sqrt(left / (len(logs) - 2) / spread) if len(logs) > 2 else None
        self.low, self.high = (math.exp(bound(x for x, _ in logs)) for bound in (min, max))

    def text(self):
        error = f" ± {self.error:.2f}" if self.error is not None else ""
        return f"{self.exponent:+.2f}{error} within {self.low:,.0f}..{self.high:,.0f}"


def line_through(points):
    """(y at 0, y per x) of the straight line that lies best; weighed by 1/y², so that small ones count as much as great ones."""
    weights = [1 / y ** 2 if y > 0 else 0 for _, y in points]
    total = sum(weights)
    if total == 0:
        return 0.0, 0.0
    mean_x = sum(w * x for w, (x, _) in zip(weights, points)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points)) / total
    spread = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points))
    if spread == 0:
        return mean_y, 0.0
    slope = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points)) / spread
    return mean_y - slope * mean_x, slope
