#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One chaos run: see README.md."""
import argparse
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tests"), os.path.join(HERE, "storage")]
import registry  # noqa: E402
import sandbox  # noqa: E402

PASS, FAIL, USAGE, UNAVAILABLE = 0, 1, 2, 77


def arguments():
    parser = argparse.ArgumentParser(prog="chaos/run.sh", description="Faults against a real cluster; "
                                     "ends with PASS, or with FAIL and the reason.")
    parser.add_argument("scenario", help="a scenario's name, random, or list")
    parser.add_argument("--seconds", type=int, help="how long to do damage; default: as the scenario says")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31),
                        help="of every choice made here; the moments themselves are the machine's")
    parser.add_argument("--topology", help="three, five, flat:RTT_MS:REGIONS or a file")
    parser.add_argument("--keep", action="store_true", help="at the end wait, with everything running")
    parser.add_argument("--trace", action="store_true", help="write down what became of every packet")
    return parser.parse_args()


def listing(scenarios):
    for s in sorted(scenarios.values(), key=lambda s: (s.rows or [99], s.name)):
        print("%-20s %-12s %s" % (s.name, ",".join(map(str, s.rows)), s.about))


def main():
    options = arguments()
    scenarios = registry.all_scenarios()
    if options.scenario == "list":
        listing(scenarios)
        return PASS
    if options.scenario not in scenarios:
        print("chaos: there is no scenario %s; chaos/run.sh list shows them" % options.scenario,
              file=sys.stderr)
        return USAGE
    chosen = scenarios[options.scenario]
    options.topology = options.topology or chosen.topology
    options.seconds = options.seconds or chosen.seconds
    print("chaos: %s, %d s, seed %d, topology %s" % (
        chosen.name, options.seconds, options.seed, options.topology), flush=True)

    def work(folder):
        import judge  # gRPC must not be loaded before the fork
        return judge.one_run(chosen, options, folder)

    try:
        code = sandbox.inside(work, "wf-chaos.")
    except sandbox.Unavailable as error:
        print("chaos: cannot run here: %s" % error)
        code = UNAVAILABLE
    if code == UNAVAILABLE and os.environ.get("WF_CHAOS_OPTIONAL") == "1":
        print("chaos: WF_CHAOS_OPTIONAL=1: not counted as a failure")
        return PASS
    return code


if __name__ == "__main__":
    sys.exit(main())
