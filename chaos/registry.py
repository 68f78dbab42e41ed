# SPDX-License-Identifier: Apache-2.0
"""The scenarios by name. A scenario is a function of the world that does the damage: it runs while
clients record, and whoever runs it starts everything before, and heals, waits and checks afterwards."""
import dataclasses
import importlib
import os

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenarios")


@dataclasses.dataclass
class Scenario:
    name: str
    rows: list       # of the fault matrix in README.md
    run: object      # the function
    nodes: int       # one in each region of the topology, then a second one in each, ...
    topology: str    # as the program wan knows it
    storage: str     # "plain"; "ext4": a disk of its own for each node (w.disks); "ext4 if any"
    seconds: int     # how long it does damage unless said otherwise
    settle_s: int    # after it healed: until everyone is served again and all nodes are equal
    about: str
    prepare: object  # a function of the world too, or None: what is to be done before the nodes start


_found = {}


def scenario(name, rows, nodes=5, topology="flat:80:5", storage="plain", seconds=30, settle_s=60,
             prepare=None):
    def register(function):
        _found[name] = Scenario(name, rows, function, nodes, topology, storage, seconds, settle_s,
                                " ".join((function.__doc__ or "").split()), prepare)
        return function
    return register


def all_scenarios():
    for file in sorted(os.listdir(FOLDER)):
        if file.endswith(".py") and not file.startswith("_"):
            importlib.import_module("scenarios." + file[:-3])
    return _found
