#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node whose data directory is removed while it runs ends with a line and an exit code: what it would
write to files without a name is not kept. The others go on, and it does not come back by itself."""
import shutil

from lib import Cluster, check, rpc, step, time, wait_for, watchfire

DISK_FAILED, NO_DATA = 69, 66


def write(c, nodes, text):
    for node in nodes:
        try:
            node.client.call(watchfire.ADD_NOTE, c.note(text, "id-" + text), 3)
            return True
        except rpc.Error:
            time.sleep(0.02)
    return False


with Cluster() as c:
    c.start()
    leader = c.leader()
    check(write(c, [leader], "before"), "the leader takes no note")
    step("rm -rf of what %s, the leader, keeps" % leader.name)
    shutil.rmtree(leader.data)
    wait_for("it to end", lambda: not leader.process.alive())
    check(leader.process.child.returncode == DISK_FAILED, "the exit code is not %d" % DISK_FAILED)
    log = open(leader.log).read()
    check("was removed, moved or replaced" in log and leader.data in log, "its last line does not say why")
    step("the others go on")
    rest = c.others(leader)
    wait_for("a note to be taken", lambda: write(c, rest, "after"))
    code, said = c.run("--config", leader.config)
    check(code == NO_DATA and leader.data in said, "started again: %d, %s" % (code, said))
