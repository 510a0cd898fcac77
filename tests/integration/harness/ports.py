"""Ports of the loopback that nobody uses."""

import random
import socket

_given = set()


def free_port():
    """Below the range from which the kernel takes the ports of outgoing connections, so that nobody gets it by accident
    while a test's service is down. No port is given twice in a run."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
