#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""watchfire(1) on real nodes: a cluster of one grows by a single command, with its ends and hints."""
import os
import pty
import select
import signal
import subprocess

from lib import VOTER, Cluster, check, pb, procs, step, wait_for
from lib import watchfire

USAGE, UNREACHABLE, NOT_FOUND, CONFLICT, INTERRUPTED = 2, 3, 4, 6, 130


class Cli:
    """The command line as root."""

    def __init__(self, cluster):
        cert, key = cluster.admin
        endpoints = ",".join(node.address for node in cluster.nodes)
        self.argv = [watchfire.binary("watchfire"), "--endpoint", endpoints, "--ca", cluster.ca,
                     "--cert", cert, "--key", key]
        self.env = dict(os.environ, WATCHFIRE_CONFIG="/dev/null", NO_COLOR="1")

    def __call__(self, *args):
        """(exit code, standard output, standard error)."""
        done = subprocess.run([*self.argv, *args], capture_output=True, text=True, timeout=60,
                              env=self.env, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def ok(self, *args):
        code, out, err = self(*args)
        check(code == 0, "watchfire %s ended with %d: %s" % (" ".join(args), code, err))
        return out

    def interrupted(self, *args, after):
        """Ctrl-C at a terminal as soon as it shows that text: (exit code, what was shown)."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(self.argv[0], [*self.argv, *args], self.env)
        shown = ""
        while select.select([terminal], [], [], 30)[0]:
            try:
                shown += os.read(terminal, 4096).decode()
            except OSError:  # the terminal's other end is closed
                break
            if after in shown:
                os.write(terminal, b"\x03")
                after = "\0"
        else:
            os.kill(pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def newcomer(cluster, name, region):
    port = procs.free_ports(1)[0]
    node = watchfire.Node(name, region, "127.0.0.1:%d" % port, cluster.folder)
    cluster.write_joining(node)
    return node


def start(cluster, node):
    node.process = procs.Process([cluster.program, "--config", node.config], node.log)


with Cluster(1) as c:
    c.start()
    cli = Cli(c)

    step("one call takes a spare all the way, also where there is a single voter")
    iad = newcomer(c, "iad-1", "iad")
    cli.ok("cluster", "add", iad.name, iad.region, iad.address)
    start(c, iad)
    wait_for("the link to it", lambda: c.members(c.nodes[0])[iad.name][1])
    c.nodes[0].client.call(watchfire.CLUSTER + "AssignMember", pb.encode({1: iad.name, 2: VOTER}), 20)
    check(c.members(c.nodes[0])[iad.name][0] == VOTER, "iad-1 is no voter")

    step("a member whose node is down is waited for, but not for ever")
    syd = newcomer(c, "syd-1", "syd")
    code, _, err = cli("cluster", "add", syd.name, syd.region, syd.address)
    check(code == 0 and "watchfire cluster promote syd-1\n" in err, err)
    code, _, err = cli("cluster", "promote", "syd-1", "--timeout", "3s")
    check(code == UNREACHABLE and "has not answered for 3 s" in err, "%d %s" % (code, err))

    step("Ctrl-C ends the waiting and says what stays")
    code, shown = cli.interrupted("cluster", "promote", "syd-1", after="does not answer yet")
    check(code == INTERRUPTED and "watchfire cluster promote syd-1" in shown, "%d %s" % (code, shown))

    step("promoted when it has caught up")
    start(c, syd)
    check("syd-1 (syd) is now a voter" in cli.ok("cluster", "promote", "syd-1"), "syd-1")
    check([role for role, _ in c.members(c.nodes[0]).values()] == [VOTER] * 3, "three voters")

    step("leadership is handed over, the new leader is named, and changes are taken at once")
    gru = newcomer(c, "gru-1", "gru")
    check(cli.ok("cluster", "transfer", "iad-1") == "iad-1 leads now\n", "who leads")
    cli.ok("cluster", "add", gru.name, gru.region, gru.address)
    start(c, gru)
    cli.ok("cluster", "promote", "gru-1", "standby")
    cli.ok("cluster", "promote", "gru-1")

    step("a removed member's name is not given to another")
    cli.ok("cluster", "remove", "gru-1", "-y")
    wait_for("the record of it", lambda: "gru-1 was removed" in cli.ok("log", "show", "-r", "-n", "9"))
    code, _, err = cli("cluster", "add", gru.name, gru.region, gru.address)
    check(code == CONFLICT and "NAME_USED" in err, "%d %s" % (code, err))

    step("a wrong command line is told from a cluster that does not answer")
    for wrong in (("cluster", "status", "--endpoint", "nonsense"),
                  ("cluster", "status", "--node", "nonsense"),
                  ("token", "create", "x", "--expires", "0s")):
        code, _, err = cli(*wrong)
        check(code == USAGE and wrong[-1] in err, "%s: %d %s" % (wrong, code, err))

    step("a sitrep is shown whole, the newest or by its number, in its last version")
    for broken in ("all of it", "the half"):
        cli.ok("sitrep", "post", c.incident, "-b", broken, "-i", "wide", "-d", "looking", "-w", "root")
    cli.ok("sitrep", "amend", c.incident, "1", "-b", "most of it")
    shown = cli.ok("sitrep", "show", c.incident)
    check("the half\n" in shown and "looking\n" in shown, shown)
    shown = cli.ok("sitrep", "show", c.incident, "1")
    check("most of it\n" in shown and "Version:            2\n" in shown, shown)
    code, _, err = cli("sitrep", "show", c.incident, "7")
    check(code == NOT_FOUND and "no sitrep 7" in err, "%d %s" % (code, err))

    step("what only lists is told how to get on")
    code, shown, err = cli("log", "show", c.incident, "-n", "2", "--newest")
    again = [line.strip() for line in err.splitlines() if line.startswith("      watchfire ")]
    check(len(again) == 1, err)
    check(cli.ok(*again[0].split()[1:]).splitlines()[1] not in shown, "the same page again")

    step("-y is the command line's also behind the arguments of watchfired")
    backup = os.path.join(c.folder, "cli.db")
    check("watchfire cluster restore " + backup in cli("cluster", "backup", backup)[2], "the hint")
    code, _, err = cli("cluster", "restore", backup, "--config", "/nonexistent")
    check(code == USAGE and "repeat it with -y" in err, "%d %s" % (code, err))
    code, _, err = cli("cluster", "restore", backup, "--config", "/nonexistent", "-y")
    check(code not in (0, USAGE) and "/nonexistent" in err and "-y" not in err, "%d %s" % (code, err))

    step("a brief says what it leaves out")
    for i in range(30):
        cli.ok("note", "add", c.incident, "note %d" % i)
    check("watchfire log show " + c.incident in cli.ok("brief", c.incident), "the brief")
print("ok")
