#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every reason that src/ gives an error stands in a table of docs/errors.md, and every one there is given.

A reason is what is between quotes, in capitals, as an argument of a function that fails or refuses, or set as
a reason by itself. (WATCHFIRE_... is a variable of the environment.)

usage: reasons.py ROOT"""
import pathlib
import re
import sys

NAME = r'"((?!WATCHFIRE_)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)"'
NOISE = re.compile(r"\"(?:\\.|[^\"\\])*\"|//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'", re.S)  # strings stay
CALL = re.compile(r"\b\w*(?:fail|refuse|finish|expire)\w*\s*\(")
WHOLE = re.compile(r"\s*(?:.*\?\s*)?%s(?:\s*:\s*(?:%s|\"\"))?\s*" % (NAME, NAME), re.S)
SET = re.compile(r"reason\s*(?:=|,\s*sizeof\W*[^,;]*,)\s*%s" % NAME)


def arguments(text, at):
    """The arguments of a call whose parenthesis was opened before text[at]."""
    depth, quoted, begin = 1, False, at
    while depth:
        c = text[at]
        if quoted:
            at += c == "\\"
            quoted = c != '"'
        elif c in "\"([{)]}":
            quoted = c == '"'
            depth += (c in "([{") - (c in ")]}")
        if not quoted and (depth == 0 or (depth == 1 and c == ",")):
            yield text[begin:at]
            begin = at + 1
        at += 1


def given(root):
    found = {}
    for path in sorted((root / "src").rglob("*.[ch]")):
        text = NOISE.sub(lambda m: m[0] if m[0][0] == '"' else " ", path.read_text())
        for call in CALL.finditer(text):
            for argument in arguments(text, call.end()):
                match = WHOLE.fullmatch(argument)
                for name in filter(None, match.groups() if match else ()):
                    found.setdefault(name, path.relative_to(root))
        for match in SET.finditer(text):
            found.setdefault(match[1], path.relative_to(root))
    return found


def main():
    root = pathlib.Path(sys.argv[1])
    documented = re.findall(r"^\| `([A-Z0-9_]+)` \|", (root / "docs/errors.md").read_text(), re.M)
    used, wrong = given(root), []
    wrong += ["%s gives %s, which is not in docs/errors.md" % (used[r], r) for r in used if r not in documented]
    wrong += ["docs/errors.md has %s, which nothing gives" % r for r in documented if r not in used]
    wrong += ["docs/errors.md has %s twice" % r for r in set(documented) if documented.count(r) > 1]
    if not used or not documented:
        wrong.append("no reason seen: the check itself is broken")
    print("\n".join(sorted(wrong)) or "reasons: %d, all in docs/errors.md" % len(used))
    sys.exit(bool(wrong))


main()
