#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The completion scripts in the shells they are for: each line is completed as a person would have it.

usage: completion.py WATCHFIRE"""
import os
import pty
import select
import subprocess
import sys
import tempfile
import time

PROMPT = "ready> "
# What is typed before the Tab, and the one word that can follow.
LINES = (
    ("watchfire cl", "cluster"), ("watchfire cluster pro", "promote"), ("watchfire cl pro", "promote"),
    ("watchfire cluster promote iad-1 stan", "standby"), ("watchfire --json cluster sta", "status"),
    ("watchfire help clu", "cluster"), ("watchfire help ic wh", "who"),
    ("watchfire completion fi", "fish"), ("watchfire status post INC-1 resol", "resolved"),
    ("watchfire incident declare -s sev4", "sev4"), ("watchfire incident declare --sev", "--severity"),
    ("watchfire incident declare --severity sev3", "sev3"), ("watchfire brief --sta", "--stale"),
    ("watchfire role offer INC-1 sc", "scribe"), ("watchfire brief INC-4", "INC-42"),
)


def fail(shell, line, wanted, got):
    sys.exit("%s: \"%s\" must be completed with %s, but: %s" % (shell, line, wanted, got))


class Zsh:
    """A shell at a terminal. There, watchfire is a function that shows its arguments, so that Enter
    tells what Tab has made of the line."""

    STUB = ('watchfire() { if [[ $1 == incident && $2 == list ]]; then print INC-42; '
            'else print -r -- "[watchfire $*]"; fi }')

    def __init__(self, setup, env):
        self.shown = ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], env)
        self.type("PROMPT='ready''> '; %s; %s; unsetopt beep list_beep\n" % (setup, self.STUB))
        self.until(PROMPT)

    def type(self, text):
        os.write(self.terminal, text.encode())

    def until(self, text):
        """Read until the text is shown; what was shown before it."""
        end = time.monotonic() + 30
        while text not in self.shown:
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                sys.exit("zsh shows no \"%s\": %s" % (text, self.shown))
            self.shown += os.read(self.terminal, 4096).decode(errors="replace")
        before, self.shown = self.shown.split(text, 1)
        return before

    def complete(self, line):
        self.type(line + "\t\n")
        made = self.until(PROMPT)
        return made[made.rfind("["):made.rfind("]") + 1]

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def test_zsh(watchfire, folder, env):
    script = subprocess.run([watchfire, "completion", "zsh"], capture_output=True, check=True).stdout
    with open(os.path.join(folder, "_watchfire"), "wb") as out:
        out.write(script)
    for name, setup in (("zsh, from fpath", "fpath=(%s $fpath); autoload -Uz compinit; compinit -u -D"),
                        ("zsh, sourced", "autoload -Uz compinit; compinit -u -D; . %s/_watchfire")):
        zsh = Zsh(setup % folder, env)
        for line, wanted in LINES:
            got, whole = zsh.complete(line), "[%s %s]" % (line.rsplit(" ", 1)[0], wanted)
            if got != whole:
                fail(name, line, wanted, got)
        zsh.close()


def test_fish(watchfire, folder, env):
    # Incidents are asked of a program of that name.
    with open(os.path.join(folder, "watchfire"), "w") as out:
        out.write("#!/bin/sh\n[ \"$1 $2\" != 'incident list' ] || echo INC-42\n")
    os.chmod(os.path.join(folder, "watchfire"), 0o755)
    for line, wanted in LINES:
        done = subprocess.run(
            ["fish", "--no-config", "-c", "%s completion fish | source; complete -C '%s'" % (
                watchfire, line)], capture_output=True, text=True, env=env, timeout=30)
        got = [offer.split("\t")[0] for offer in done.stdout.splitlines()]
        if got != [wanted] or done.stderr:
            fail("fish", line, wanted, "%s %s" % (got, done.stderr))


def main():
    watchfire = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="wf-completion-") as folder:
        env = {"HOME": folder, "PATH": folder + ":/usr/bin:/bin", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        test_zsh(watchfire, folder, env)
        test_fish(watchfire, folder, env)
    print("%d lines in zsh (twice) and fish" % len(LINES))


main()
