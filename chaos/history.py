# SPDX-License-Identifier: Apache-2.0
"""Puts together the history of a run, in the form that check/README.md describes: what the clients
recorded, what was observed, what was done, and every node's final record."""
import json
import os

from harness import pb, watchfire

STATES = {1: "investigating", 2: "confirmed", 3: "major", 4: "resolved"}
COMMANDER_ROLE = 1
LAPSES = 5  # tries to look at a record of which nothing more becomes
OFFERED, ACCEPTED, TAKEN = 1, 2, 8
KINDS = {20: "declared", 21: "state", 22: "updated", 23: "role", 24: "sitrep", 25: "status", 26: "note",
         40: "access", 41: "cluster"}


def milliseconds(timestamp):
    return timestamp.int(1) * 1000 + timestamp.int(2) // 1000000


def line_of(event):
    """An event as the checker knows it."""
    number = next((n for n in KINDS if n in event), None)
    line = {"seq": event.int(1), "incident": event.str(2), "kind": KINDS.get(number, "other"),
            "request": event.str(5), "at": milliseconds(event.message(3))}
    if number == 26:
        line["value"] = event.message(26).str(1)
    elif number == 21:
        line["value"] = STATES[event.message(21).int(2)]
    elif number == 23:
        change = event.message(23)
        role = change.message(2)
        if role.int(1) == COMMANDER_ROLE and change.int(1) in (ACCEPTED, TAKEN):
            line.update(kind="commander", value=role.str(3), epoch=role.int(4))
        elif role.int(1) == COMMANDER_ROLE and change.int(1) == OFFERED:
            line.update(kind="offer", value=change.str(4))
    return line


def export(world, node, path):
    """Returns how many events there were."""
    events = 0
    with open(path, "w") as out:
        for event, _ in world.cluster.record(node):
            out.write(json.dumps(line_of(event)) + "\n")
            events += 1
    return events


def final(world, node):
    """The node's whole record, its chain checked here and by the node itself: at one length of it, though an
    offer may lapse between the two."""
    status = world.cluster.status(node, 10)
    path = "final-%s.jsonl" % node.name
    try:
        for _ in range(LAPSES):
            events = export(world, node, os.path.join(world.folder, path))
            whole, length = world.cluster.verify(node)
            if length == events:
                break
        valid = whole and length == events
    except watchfire.ChainBroken as error:
        world.expect(False, str(error))
        valid = False
    return {"final": node.name, "index": status.applied, "digest": status.digest,
            "chain": "valid" if valid else "broken", "events_file": path}


def write(world):
    """Returns the file's path."""
    world.observer.done.set()
    world.observer.join()
    path = os.path.join(world.folder, "history.jsonl")
    gone = [node for node in world.everyone if node not in world.nodes]
    lines = [{"history": 1, "system": "watchfire", "scenario": world.scenario.name, "seed": world.seed,
              "start": world.began_ns, "nodes": [node.name for node in world.everyone]}]
    lines += sorted(world.recorded + world.observer.lines + world.marks,
                    key=lambda line: line.get("return") or line.get("observe") or line.get("at") or line["call"])
    lines += [final(world, node) for node in world.nodes]
    lines += [{"final": node.name, "gone": "removed from the cluster"} for node in gone]
    with open(path, "w") as out:
        for line in lines:
            out.write(json.dumps(line) + "\n")
    return path
