#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One cluster, all faults at random, for as long as asked. Time goes in legs: clients record while the
faults of random happen, and now and then a member is replaced or half the nodes go to another build; then
everything is healed and what was recorded is checked. The report shows each leg. See README.md."""
import argparse
import datetime
import json
import math
import os
import random
import sys
import time
import traceback
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tests"), os.path.join(HERE, "storage")]
import sandbox  # noqa: E402

PASS, FAIL, UNAVAILABLE = 0, 1, 77
LEG_S = 240         # of faults, between two checks
LEAST_LEG_S = 30    # a shorter rest is added to the last leg
AFTERWARDS_S = 3    # of ordinary work once everybody is served again
SETTLE_S = 120
TOPOLOGY = "five"
OTHER = ("WF_OTHER_BUILD", "WF_OTHER_COMMIT")  # as membership.py asks for them


# --- the world ---

def make_world(options, folder):
    """Its class needs what must not be loaded before the fork."""
    from scenarios import membership, mixture
    from world import World

    class Soak(World):
        """Keeps its cluster through all legs."""

        def __init__(self):
            scenario = types.SimpleNamespace(name="soak", nodes=5, storage="ext4 if any", settle_s=SETTLE_S,
                                             prepare=mixture.prepare)
            super().__init__(scenario, types.SimpleNamespace(
                seconds=LEG_S, seed=options.seed, topology=options.topology, trace=False), folder)
            self.other_program = membership.other_program(self)

        def next_leg(self, number, seconds):
            """A folder, clients and marks of its own."""
            from world import Observer
            self.folder = os.path.join(folder, "leg-%d" % number)
            os.mkdir(self.folder)
            self.prefix, self.seconds = "leg%d-" % number, seconds
            self.rng = random.Random("leg %d of %d" % (number, self.seed))  # whatever the legs before drew
            self.failures, self.marks, self.recorded = [], [], []
            self.observer, self.began_ns = Observer(self), time.monotonic_ns()
            if number == 1:
                self.start()
            else:
                self.begin_recording()

    return Soak()


def write_what_there_is(w):
    """A history without its end, for the picture of a leg that broke."""
    path = os.path.join(w.folder, "history.jsonl")
    w.observer.done.set()
    lines = [{"history": 1, "system": "watchfire", "scenario": "soak", "seed": w.seed, "start": w.began_ns,
              "nodes": [node.name for node in w.everyone]}]
    lines += w.recorded + [op for client in w.clients for op in w.operations(client)]
    lines += w.observer.lines + w.marks
    with open(path, "w") as out:
        for line in lines:
            out.write(json.dumps(line) + "\n")
    return path


# --- legs ---

def leg(w, number, seconds):
    """Returns (reasons to fail, path of the history)."""
    import history
    import judge
    from scenarios import membership, mixture
    w.next_leg(number, seconds)
    plan = mixture.schedule(w.rng.randrange(1 << 31), seconds, len(w.nodes))
    w.await_operations(judge.BEGIN_OPERATIONS)
    if number % 2 == 0:
        w.rng.choice((membership.replace_node, membership.change_and_crash))(w)
    elif number % 4 == 3:
        membership.mix_programs(w, w.other_program)
    mixture.play(w, plan)
    w.heal()
    w.await_service()
    w.sleep(AFTERWARDS_S)
    w.stop_clients()
    w.settle()
    path = history.write(w)
    return w.failures + judge.nothing_odd_in_the_logs(w) + judge.checked(w, path), path


def lengths(seconds):
    """Of the legs: all alike, but for the last."""
    whole, rest = divmod(seconds, LEG_S)
    out = [LEG_S] * whole
    if rest >= LEAST_LEG_S or not out:
        out.append(rest)
    else:
        out[-1] += rest
    return out


def run(options, folder):
    """Returns the exit code; prints what happens."""
    import report
    from harness import procs, rpc, watchfire
    from world import Broken
    legs, w, interrupted, plan = [], None, None, lengths(math.ceil(options.minutes * 60))
    try:
        sandbox.settle_in()
        w = make_world(options, folder)
        for number, seconds in enumerate(plan, 1):
            print("soak: leg %d of %d, %d s of faults" % (number, len(plan), seconds), flush=True)
            try:
                why, path = leg(w, number, seconds)
            except (Broken, watchfire.ChainBroken, rpc.Error, OSError) as error:
                why, path = [str(error)], write_what_there_is(w)
            legs.append(report.Leg(path, why))
            write_report(options, legs, len(plan))
            print("soak: leg %d of %d: %s" % (number, len(plan), "; ".join(why) or "all checks hold"), flush=True)
            if why:
                break  # what comes after it would only hide it
    except sandbox.Unavailable as error:
        print("soak: cannot run here: %s" % error)
        return UNAVAILABLE
    except SystemExit as end:
        interrupted = "interrupted" if isinstance(end.code, int) else str(end.code)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        interrupted = "the run itself is broken"
    finally:
        if w:
            w.tear_down()
        procs.clean_up()
    return verdict(options, legs, len(plan), interrupted, folder)


def verdict(options, legs, planned, interrupted, folder):
    why = [text for one in legs for text in one.why] + ([interrupted] if interrupted else [])
    if legs:
        write_report(options, legs, planned, [interrupted] if interrupted else [])
        print("soak: the report is %s" % options.report)
    if why:
        print("soak: logs, data and histories are kept in %s" % folder)
        print("soak: again: " + again(options))
        print("FAIL %s" % "; ".join(why))
        return FAIL
    print("PASS %d legs" % len(legs))
    return PASS


def other_build():
    return next(("%s=%s" % (name, os.environ[name]) for name in OTHER if os.environ.get(name)),
                "of the same sources")


def again(options):
    """The command."""
    build = other_build()
    return "%schaos/soak.sh --minutes %g --seed %d --topology %s" % (
        build + " " if "=" in build else "", options.minutes, options.seed, options.topology)


def write_report(options, legs, planned, why=()):
    import net
    import report
    with open(options.report + ".new", "w") as out:
        out.write(report.page("Watchfire soak", legs, [
            ("Began", options.began),
            ("Asked for", "%g minutes of faults, legs: %d" % (options.minutes, planned)),
            ("Topology", "%s: a node in each of %s" % (
                options.topology, ", ".join(net.region_names(options.topology)))),
            ("Seed", str(options.seed)), ("Other build", other_build()), ("Again", again(options))], why, planned))
    os.rename(options.report + ".new", options.report)


def main():
    parser = argparse.ArgumentParser(prog="chaos/soak.sh", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="of faults; checks come on top")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31),
                        help="of every choice made here; the moments themselves are the machine's")
    parser.add_argument("--topology", default=TOPOLOGY, help="five (real round trips) or flat:RTT_MS:5")
    parser.add_argument("--report", default="soak.html", help="%(default)s")
    options = parser.parse_args()
    if options.minutes <= 0:
        parser.error("--minutes: more than none")
    options.report = os.path.abspath(options.report)
    options.began = datetime.datetime.now().astimezone().strftime("%d %B %Y, %H:%M %Z")
    print("soak: %g minutes, seed %d, topology %s" % (
        options.minutes, options.seed, options.topology), flush=True)
    try:
        return sandbox.inside(lambda folder: run(options, folder), "wf-soak.")
    except sandbox.Unavailable as error:
        print("soak: cannot run here: %s" % error)
        return UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
