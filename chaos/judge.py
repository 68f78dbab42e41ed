# SPDX-License-Identifier: Apache-2.0
"""A run from its beginning to its verdict: start, record, do damage, heal, wait, collect, check."""
import os
import subprocess
import sys
import time
import traceback

import sandbox
import history
from harness import procs, rpc, watchfire
from world import Broken, World

PASS, FAIL, UNAVAILABLE = 0, 1, 77
BEGIN_OPERATIONS = 3  # acknowledged by each region's clients before the damage begins
AFTERWARDS_S = 3      # of ordinary work once everybody is served again
LINEAR_LIMIT_S = 120


def one_run(scenario, options, folder):
    """Prints what happens; returns the exit code."""
    code, world = FAIL, None
    try:
        sandbox.settle_in()
        world = World(scenario, options, folder)
        verdict = damage_and_check(world)
        code = FAIL if verdict else PASS
        last = "FAIL %s: %s" % (scenario.name, "; ".join(verdict)) if verdict else "PASS %s" % scenario.name
    except sandbox.Unavailable as error:
        code, last = UNAVAILABLE, "chaos: cannot run here: %s" % error
    except (Broken, watchfire.ChainBroken, rpc.Error, OSError) as error:
        last = "FAIL %s: %s" % (scenario.name, error)
    except SystemExit as end:
        if isinstance(end.code, int) or not end.code:
            print("chaos: interrupted: tearing down", flush=True)
            if world:
                world.tear_down()
            raise
        last = "FAIL %s: %s" % (scenario.name, end.code)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        last = "FAIL %s: the run itself is broken" % scenario.name
    if options.keep and world:
        wait_for_the_curious(folder)
    if world:
        world.tear_down()
    procs.clean_up()
    if code == FAIL:
        print("chaos: logs, data and history are kept in %s" % folder)
        print("chaos: again: chaos/run.sh %s --seconds %d --seed %d --topology %s" % (
            scenario.name, options.seconds, options.seed, options.topology))
    print(last, flush=True)
    return code


def damage_and_check(world):
    """Returns the reasons to fail, an empty list for none."""
    world.start()
    world.await_operations(BEGIN_OPERATIONS)
    world.say("damage begins")
    world.scenario.run(world)
    world.heal()
    world.await_service()
    world.sleep(AFTERWARDS_S)
    world.stop_clients()
    world.settle()
    path = history.write(world)
    return world.failures + nothing_odd_in_the_logs(world) + checked(world, path)


def checked(world, path):
    """What history-check says; its words go to the reader."""
    program = watchfire.binary("history-check", "chaos")
    if not os.path.exists(program):
        return ["%s is not built: nothing was checked" % program]
    done = subprocess.run([program, "--gaps", "--limit", str(LINEAR_LIMIT_S), path],
                          capture_output=True, text=True)
    sys.stdout.write(done.stdout + done.stderr)
    found = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    return ["history-check: %s" % (found[0] if found else "it ended with %d" % done.returncode)] \
        if done.returncode else []


def nothing_odd_in_the_logs(world):
    """A node heals itself from much; here it still is a failure, unless the scenario provoked it."""
    found = []
    for node in world.everyone:
        with open(node.log, errors="replace") as lines:
            for line in lines:
                if any(word in line for word in ("assertion", "AddressSanitizer", "runtime error:")):
                    found.append("%s: %s" % (node.name, line.strip()))
                elif "fenced" in line and not world.may_fence:
                    found.append("%s: %s" % (node.name, line.strip()))
    return found[:3]


def wait_for_the_curious(folder):
    print("chaos: kept: look into it with  nsenter -t %s -a  (%s); Ctrl-C ends it" % (
        sandbox.entrance, folder), flush=True)
    try:
        while True:
            time.sleep(1)
    except (KeyboardInterrupt, SystemExit):
        pass
