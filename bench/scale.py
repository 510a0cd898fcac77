#!/usr/bin/python3
"""./dev bench scale: what `./dev bench growth` measured, carried to 1, 10 and 100 million users: machines, memory, messages, storage.
Measures nothing. Each line is computed by the formula that stands in it, from assumptions, which --set changes, and from unit costs, each of
which names the row from which it comes."""

import argparse
import json
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "scale.md"
POPULATIONS = (1e6, 1e7, 1e8)

# name: (value, what it is)
ASSUMPTIONS = {
    "online_share": (0.10, "of all users, those who have a socket open at the peak"),
    "active_share": (0.30, "of all users, those who come on a day"),
    "pages_a_day": (20, "pages of 20 that one who comes reads on a day"),
    "posts_a_day": (2, "posts that one who comes writes on a day"),
    "peak": (3, "the busiest second beside the average one"),
    "followers": (150, "whom an ordinary post reaches, on the average"),
    "celebrity_posts": (0.01, "share of posts by celebrities, which are written once"),
    "celebrity_followers": (50000, "followers of a celebrity, on the average"),
    "from_memory": (0.5, "share of pages that are answered from a gateway's memory"),
    "attaches_an_hour": (4, "times that a socket is opened anew within an hour: sleep, networks, new versions"),
    "use": (0.5, "how much of a processor or of memory is used at the peak; the rest is for faults, backups and what was forgotten"),
    "cores": (16, "processors of a machine"),
    "memory_gb": (64, "memory of a machine"),
    "disk_gb": (4000, "disk of a database's machine"),
    "sockets_a_machine": (250000, "sockets of a gateway's machine: the kernel's memory for them, and how many come back at once when it goes"),
    "consumers_a_cell": (20000, "sockets of a cell: a NATS cluster is known to suffer past so many consumers"),
    "feed_cap": (1000, "items that a feed keeps (`--feed-cap`)"),
    "copies": (2, "of each byte of the database: a primary and a standby"),
}

# name in the formulas: name of the unit cost in growth.json
UNITS = {
    "post_gateway": "post, gateway", "post_database": "post, PostgreSQL", "post_log": "post, log",
    "told_materializer": "fan-out of a post, materializer", "told_database": "fan-out of a post, PostgreSQL", "told_log": "fan-out of a post, log",
    "row_materializer": "feed row, materializer", "row_database": "feed row, PostgreSQL", "told_nats": "fan-out of a post, NATS", "row_log": "feed row, log",
    "cold_gateway": "page, gateway", "cold_database": "page, PostgreSQL", "warm_gateway": "page asked for again, gateway",
    "warm_database": "page asked for again, PostgreSQL",
    "attach_gateway": "attach, gateway", "attach_database": "attach, PostgreSQL", "attach_nats": "attach, NATS",
    "delivery_gateway": "delivery, gateway", "delivery_nats": "delivery, NATS", "frame_gateway": "celebrity's frame, gateway",
    "socket_gateway": "socket, gateway", "socket_nats": "socket, NATS",
    "user_size": "size of a user", "follow_size": "size of a follow, both ways", "post_size": "size of a post", "row_size": "size of a feed row",
}

# (name or None, what, unit, formula); a name stands for the value in the lines below it. Costs in us and bytes.
LINES = (
    ("sockets", "sockets at the peak", "", "users * online_share"),
    ("posts", "posts at the peak", "/s", "users * active_share * posts_a_day / 86400 * peak"),
    ("rows", "feed rows at the peak", "/s", "posts * (1 - celebrity_posts) * followers"),
    ("messages", "live messages to users at the peak", "/s", "rows * online_share"),
    ("celebrity_deliveries", "deliveries of celebrities' posts", "/s", "posts * celebrity_posts * celebrity_followers * online_share"),
    ("pages", "pages at the peak", "/s", "users * active_share * pages_a_day / 86400 * peak"),
    ("attaches", "sockets opened", "/s", "sockets * attaches_an_hour / 3600"),
    ("cells", "cells", "", "ceil(sockets / consumers_a_cell)"),
    (None, "messages of a cell's NATS, with every celebrity's post once", "/s", "messages / cells + posts * celebrity_posts"),
    ("gateway_cores", "processors, gateways", "", "(posts * post_gateway + pages * (from_memory * warm_gateway + (1 - from_memory) * cold_gateway) "
     "+ attaches * attach_gateway + messages * delivery_gateway + celebrity_deliveries * frame_gateway) / 1e6 / use"),
    ("gateway_memory", "memory for sockets, gateways", "GB", "sockets * socket_gateway / 1e9 / use"),
    ("gateways", "machines, gateways: two at least", "", "max(2, ceil(gateway_cores / cores), ceil(gateway_memory / memory_gb), ceil(sockets / sockets_a_machine))"),
    (None, "sockets of such a machine", "", "sockets / gateways"),
    ("materializer_cores", "processors, materializers", "", "(posts * told_materializer + rows * row_materializer) / 1e6 / use"),
    ("materializers", "machines, materializers: two at least", "", "max(2, ceil(materializer_cores / cores))"),
    ("nats_cores", "processors, NATS", "", "(posts * told_nats + messages * delivery_nats + attaches * attach_nats) / 1e6 / use"),
    ("nats_memory", "memory for consumers, NATS", "GB", "sockets * socket_nats / 1e9 / use"),
    ("nats_servers", "NATS servers: three for each cell", "", "3 * cells"),
    (None, "processors of one of them", "", "nats_cores / nats_servers"),
    ("nats_machines", "machines, NATS: three at least, with servers of several cells", "",
     "max(3, ceil(nats_cores / cores), ceil(nats_memory / memory_gb))"),
    ("graph_size", "storage of users and follows", "GB", "users * (user_size + followers * follow_size) / 1e9"),
    ("posts_size", "storage of a year's posts", "GB", "posts / peak * 86400 * 365 * post_size / 1e9"),
    ("feeds_size", "storage of feeds, after a year", "GB", "min(users * feed_cap, rows / peak * 86400 * 365) * row_size / 1e9"),
    ("storage", "storage after a year, one copy", "GB", "graph_size + posts_size + feeds_size"),
    ("database_cores", "processors, PostgreSQL", "", "(posts * (post_database + told_database) + rows * row_database + pages * (from_memory * "
     "warm_database + (1 - from_memory) * cold_database) + attaches * attach_database) / 1e6 / use"),
    ("log", "write-ahead log at the peak", "MB/s", "(posts * (post_log + told_log) + rows * row_log) / 1e6"),
    ("databases", "machines, PostgreSQL or Citus workers, with their standbys", "",
     "copies * max(ceil(database_cores / cores), ceil(storage / disk_gb / use))"),
    (None, "write-ahead log of one of them", "MB/s", "log * copies / databases"),
    (None, "machines, all", "", "gateways + materializers + nats_machines + databases"),
)


class Wrong(Exception):
    """Of the input."""


def read_units(path):
    try:
        with open(path, encoding="utf-8") as text:
            growth = json.load(text)
    except OSError as problem:
        raise Wrong(f"{problem.filename}: {problem.strerror}; run ./dev bench growth before") from problem
    except ValueError as problem:
        raise Wrong(f"{path}: {problem}") from problem
    found = growth.get("units", {})
    missing = sorted(set(UNITS.values()) - set(found))
    if missing:
        raise Wrong(f"{path} lacks: {'; '.join(missing)}. A run of ./dev bench growth with all parts has them")
    return growth, {name: found[unit] for name, unit in UNITS.items()}


def compute(assumptions, units, users):
    """The value of each line."""
    known = {**assumptions, **{name: unit["value"] for name, unit in units.items()}, "users": users}
    values = []
    for name, _, _, formula in LINES:
        # Formulas are constants of this file.
        value = eval(formula, {"__builtins__": {}, "ceil": lambda x: -int(-x // 1), "max": max, "min": min}, known)  # pylint: disable=eval-used
        values.append(value)
        if name is not None:
            known[name] = value
    return values


def figure(value):
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 1 else f"{value:.2g}"


def table(head, rows):
    return "\n".join(["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]) + "\n"


def text(assumptions, growth, units):
    machine = growth["machine"]
    results = [compute(assumptions, units, users) for users in POPULATIONS]
    out = [f"Unit costs of {machine['when'][:10]}, commit {machine['commit']}, {machine['processors']} processors ({machine['processor']}); load at the "
           f"start {machine['load at the start']}.\n"]
    out.append(table(["assumption", "value", "meaning"], [[f"`{name}`", f"{value:g}", ASSUMPTIONS[name][1]] for name, value in assumptions.items()]))
    out.append(table(["unit cost", "value", "row of `./dev bench growth`"],
                     [[f"`{name}`", f"{figure(float(unit['value']))} {unit['unit']}", unit["from"]] for name, unit in units.items()]))
    out.append(table(["what", *(f"{users / 1e6:.0f}M users" for users in POPULATIONS), "formula"],
                     [[what, *(f"{figure(result[place])} {unit}".strip() for result in results), f"`{formula}`" + (f" = `{name}`" if name else "")]
                      for place, (name, what, unit, formula) in enumerate(LINES)]))
    return "\n".join(out)


def write_document(path, content):
    with open(path, encoding="utf-8") as document:
        old = document.read()
    new, count = re.subn(r"(<!-- computed: begin -->\n).*(<!-- computed: end -->)", lambda match: match[1] + content + match[2], old, flags=re.S)
    if count != 1:
        raise Wrong(f"{path} has no place for the tables")
    with open(f"{path}.new", "w", encoding="utf-8") as out:
        out.write(new)
    os.replace(f"{path}.new", path)


def assumption(given):
    name, equals, value = given.partition("=")
    if not equals or name not in ASSUMPTIONS:
        raise argparse.ArgumentTypeError(f"{given}: must be NAME=VALUE, with one of {', '.join(ASSUMPTIONS)}")
    try:
        number = float(value)
    except ValueError:
        number = 0
    if not 0 < number < 1e12:
        raise argparse.ArgumentTypeError(f"{given}: {name} must be a number above 0")
    return name, number


def main():
    parser = argparse.ArgumentParser(prog="./dev bench scale", description=__doc__,
                                     epilog="Exit codes: 0 done; 1 there are no unit costs, or --write could not be done; 2 wrong usage.")
    parser.add_argument("--set", type=assumption, action="append", default=[], metavar="NAME=VALUE", dest="changes",
                        help="another assumption; may be given again.")
    parser.add_argument("--units", metavar="FILE", help="the result of ./dev bench growth (growth.json of the run folder)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md too; not with --set")
    parser.add_argument("--out", required=True, help="folder of results")
    options = parser.parse_args()
    if options.write and options.changes:
        parser.error("--write wants the assumptions as they stand in the script: without --set")
    assumptions = {name: value for name, (value, _) in ASSUMPTIONS.items()} | dict(options.changes)
    try:
        growth, units = read_units(options.units or os.path.join(options.out, "growth.json"))
        content = text(assumptions, growth, units)
        print(content, end="")
        if options.write:
            if growth.get("smoke"):
                raise Wrong("these are figures of a smoke run, which mean nothing: not written")
            write_document(DOCUMENT, content)
            print(f"written: {DOCUMENT}", file=sys.stderr)
    except (Wrong, OSError) as problem:
        print(f"scale: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
