#!/usr/bin/python3
"""./dev bench course: the load test of the course for which a system like this was asked for first. 100,000 people with 20 to
1,000 friends and 20 to 30 posts each; 1, 10, 100 and 1,000 of them at a time have a socket open, read pages and write posts, each
one thing after the other, first ten pages for each post, then one."""

import argparse
import sys
import time

from data import loaded_lab, read_tokens, write_follows, write_tokens
from lab import ROOT
from meter import WHO, Meter
from programs import Failed, Wsbench, say
from rows import catch_signals, surroundings
from sheet import Curve, Sheet, carry_out

# What the course's reports tell of their own systems, on their own machines: for comparison by eye, not by ratio.
REPORTED = {"requests/s": "31-35", "errors": "0.3-0.6 %", "with a listener": "20 %"}
RATIOS = (10, 1)


class Size:
    def __init__(self, options):
        quick, smoke = options.quick, options.smoke
        self.users = 300 if smoke else 10000 if quick else 100000
        self.follows = (5, 15) if smoke else (20, 1000)
        self.posts = (3, 5) if smoke else (20, 30)
        self.celebrities = 2 if smoke else 50
        self.feeds = 100 if smoke else 2000 if quick else 10000
        self.more = ["--celebrity-threshold=20"] if smoke else []
        self.stages = ((1, 1), (10, 1)) if smoke else tuple((users, seconds // 6 if quick else seconds)
                                                            for users, seconds in ((1, 60), (10, 60), (100, 90), (1000, 90)))
        self.drain_s = 60 if smoke else 1200


class Stage:
    """One number of people at one ratio: `result` of wsbench, and what was counted beside it."""

    def __init__(self, users, per_post, result, counted):
        self.users, self.per_post, self.result, self.counted = users, per_post, result, counted

    @property
    def answers(self):
        return self.result["posts_accepted"] + self.result["pages_read"]

    @property
    def errors(self):
        return self.result["posts_failed"] + self.result["pages_failed"] + self.result["ended_by_the_server"]

    @property
    def error_percent(self):
        return 100 * self.errors / max(1, self.answers + self.errors)

    def times(self, name):
        found = self.result.get(name + "_ms")
        return f"{found['p50']:.1f} / {found['p99']:.1f}" if found else "-"

    def share(self, name):
        of = self.counted[name]
        return f"{100 * self.counted['with a listener'] / of:.1f} %" if of else "-"


def count_messages(lab, path, celebrities, published):
    """Who was told of the posts of a stage, from wsbench's list of their authors and of the connections to which each came. Each
    connection is of another person, so a message of a follower's own comes to one of them."""
    listened = celebrity_posts = 0
    authors = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            author, got = map(int, line.split("\t"))
            authors[author] = authors.get(author, 0) + 1
            if author in celebrities:
                celebrity_posts += 1
                listened += got > 0
            else:
                listened += got
    rows = lab.run("SELECT id, follower_count FROM users WHERE id = ANY (%s)", list(authors))
    followers = sum(count * authors[number] for number, count in rows)
    return {"published": published, "with a listener": listened, "followers": followers, "posts of celebrities": celebrity_posts}


def run_stage(lab, gateway, materializer, files, users, seconds, per_post, options, size):
    readers = write_tokens(lab.path("readers"), files["tokens"], files["pool"][:users])
    follows = write_follows(lab, lab.path("follows"), files["pool"][:users])
    told = lab.path("told")
    before = materializer.metrics().get("freshet_post_messages_total", 0)
    hits = page_hits(gateway)
    meter = Meter(lab)
    wsbench = Wsbench(lab, "live", progress=options.verbose, url=gateway.url, tokens=readers, authors=files["authors"], follows=follows,
                      page_readers=files["everybody's pages"], sockets=users, connections=users, pages=per_post, seconds=seconds,
                      told=told, seed=users, patience=60, pid=gateway.pid)
    problem = None
    try:
        result = wsbench.result()
    except Failed as failed:
        if failed.result is None or "posts_accepted" not in failed.result:
            raise
        result, problem = failed.result, str(failed)
    began = time.monotonic()
    lab.wait_told(size.drain_s)
    drained = result.get("waited_for_arrivals_s", 0) + time.monotonic() - began
    spent = meter.spent()
    published = int(materializer.metrics().get("freshet_post_messages_total", 0) - before)
    counted = count_messages(lab, told, files["celebrities"], published)
    counted.update(drained=drained, spent=spent, page_hits={name: after - hits[name] for name, after in page_hits(gateway).items()})
    # Refused requests are what the test counts; posts that were lost, doubled or came to the wrong people are no figures.
    if any(result[name] for name in ("lost", "doubled", "foreign", "out_of_order")):
        raise RuntimeError(problem)
    return Stage(users, per_post, result, counted)


def page_hits(gateway):
    metrics = gateway.metrics()
    return {name: metrics.get(f"freshet_page_{name}_total", 0) for name in ("hits", "misses")}


def run_ratio(lab, files, per_post, options, size, stages):
    """All stages, with new processes, empty streams, and nobody's resume window left from before."""
    lab.empty_streams()
    lab.run("TRUNCATE online")
    materializer = lab.materializer(poll_interval="1s")
    gateway = lab.gateway()
    for users, seconds in size.stages:
        say(f"{per_post}:1, {users} users, {seconds} s")
        stage = run_stage(lab, gateway, materializer, files, users, seconds, per_post, options, size)
        say(f"{stage.result['requests_per_s']:.0f} requests/s, {stage.errors} errors, {stage.share('published')} of "
            f"{stage.counted['published']} messages had a listener")
        stages.append(stage)
    lab.stop_gateways()
    lab.stop_materializers()


def tell(sheet, stages):
    load = sheet.sheet("Load", "pages:posts", "users", "requests/s", "errors", "page p50 / p99 ms", "post p50 / p99 ms",
                       "socket open p50 / p99 ms", "accepted to frame p50 / p99 ms", "in all feeds after")
    load.row("the reports, other machines", "1-1000", REPORTED["requests/s"], REPORTED["errors"], "-", "-", "-", "-", "-")
    for stage in stages:
        load.row(f"{stage.per_post}:1", stage.users, f"{stage.result['requests_per_s']:.0f}", f"{stage.error_percent:.2f} %",
                 stage.times("page_answered"), stage.times("post_answered"), stage.times("opening"), stage.times("accepted_to_frame"),
                 f"{stage.counted['drained']:.1f} s")
    messages = sheet.sheet("Live messages", "pages:posts", "users", "posts", "published", "with a listener", "if all followers were told")
    messages.row("the reports, other machines", "1-1000", "-", "-", REPORTED["with a listener"], "-")
    for stage in stages:
        messages.row(f"{stage.per_post}:1", stage.users, stage.result["posts_accepted"], stage.counted["published"],
                     stage.share("published"), stage.share("followers"))
    costs = sheet.sheet("Processor time for a request, us (with fan-out of the posts; opening of the sockets too)", "pages:posts", "users",
                        *WHO, "pages from memory")
    for stage in stages:
        hits, misses = (stage.counted["page_hits"][name] for name in ("hits", "misses"))
        costs.row(f"{stage.per_post}:1", stage.users, *(f"{stage.counted['spent'][who] * 1e6 / max(1, stage.answers):.0f}" for who in WHO),
                  f"{100 * hits / max(1, hits + misses):.0f} %")
    draw(sheet, stages)
    sheet.more["reported elsewhere"] = {**REPORTED, "note": "from the course's reports, other machines"}
    sheet.more["stages"] = [{"pages for a post": stage.per_post, "users": stage.users, "error percent": stage.error_percent,
                             "wsbench": stage.result, **stage.counted} for stage in stages]


def draw(sheet, stages):
    rates, times = {}, {}
    for stage in stages:
        ratio = f"{stage.per_post}:1"
        rates.setdefault(ratio, Curve(ratio, "requests/s")).add(stage.users, stage.result["requests_per_s"])
        for operation in ("page", "post"):
            for point in ("p50", "p99"):
                found = stage.result.get(f"{operation}_answered_ms")
                if found:
                    name = f"{ratio}, {operation} {point}"
                    times.setdefault(name, Curve(name, "ms")).add(stage.users, found[point])
    sheet.curves("rates", "The course's load test: requests per second", "users", list(rates.values()))
    sheet.curves("times", "The course's load test: answers", "users", list(times.values()))


def measure(sheet, options, size):
    """The problem that broke it off, or None; what was measured before is told all the same."""
    started = time.monotonic()
    print(f"course: loading {size.users:,} people", file=sys.stderr, flush=True)
    with loaded_lab(size.users, size.follows, size.posts, size.feeds, 7, f"--celebrities={size.celebrities}", *size.more) as (lab, load_s):
        sheet.facts["postgresql"] = lab.one("SHOW server_version")
        sheet.facts["data"] = (f"{size.users} people, {size.follows[0]}..{size.follows[1]} friends and {size.posts[0]}..{size.posts[1]} posts "
                               f"each, {size.celebrities} celebrities, loaded in {load_s:.0f} s") + \
            (" (smoke run: the figures mean nothing)" if options.smoke else "")
        sheet.facts["connected"] = f"people drawn from the {size.feeds} whose feeds are filled; authors are drawn from everybody"
        sheet.facts["pages are of"] = "those who are connected" if options.pages_of == "connected" else f"any of {size.feeds} people"
        sheet.more["load_s"] = load_s
        authors = lab.tokens(1, size.users)
        pool = lab.random.sample(range(1, size.feeds + 1), min(size.feeds, size.stages[-1][0]))
        files = {"authors": authors, "tokens": read_tokens(authors), "pool": pool,
                 "celebrities": {row[0] for row in lab.run("SELECT id FROM celebrities")},
                 "everybody's pages": lab.tokens(1, size.feeds) if options.pages_of == "anybody" else None}
        stages, problem = [], None
        try:
            for per_post in RATIOS:
                run_ratio(lab, files, per_post, options, size, stages)
        except (AssertionError, OSError, RuntimeError) as found:
            problem = found
            lab.kill_services()
            sheet.note(f"Broken off after {len(stages)} stages: {str(found).partition(chr(10))[0]}")
    tell(sheet, stages)
    sheet.facts["took"] = f"{time.monotonic() - started:.0f} s"
    sheet.note("Each user sends the next request when the one before is answered. `in all feeds after`: until the last post was in the feeds of "
               "all followers\nand told, after the last request was answered. Messages count as without a listener when they are for people "
               "within their resume window\nwho are not connected. The client is on the same processors as the servers.")
    return problem


def main():
    parser = argparse.ArgumentParser(prog="./dev bench course", description=__doc__,
                                     epilog="Exit codes: 0 done; 1 it could not be done, or posts were lost, doubled or came to the wrong people; "
                                            "2 wrong usage; 130 interrupted.")
    parser.add_argument("--quick", action="store_true", help="10,000 people, and stages a sixth as long")
    parser.add_argument("--smoke", action="store_true", help="a run of seconds that shows that it works; its figures mean nothing")
    parser.add_argument("--pages-of", choices=("connected", "anybody"), default="connected",
                        help="whose pages are read: of those who have a socket open (default), or of anybody with a filled feed")
    parser.add_argument("--verbose", action="store_true", help="what wsbench says each second, too")
    parser.add_argument("--out", required=True, help="folder of the result")
    options = parser.parse_args()
    catch_signals()
    sheet = Sheet("course", options.out, surroundings(ROOT))
    return carry_out(sheet, lambda: measure(sheet, options, Size(options)))


if __name__ == "__main__":
    sys.exit(main())
