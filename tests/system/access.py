#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what, and that refusals and changes are on the record."""
import os
import shutil
import signal

from lib import ADMIN, COMMANDER, VIEWER, Cluster, certs, check, pb, refusal, rpc, step, wait_for
from lib import watchfire

ACCESS, LOG = watchfire.ACCESS, watchfire.LOG


def audit(cluster, **only):
    """Entries of the audit: (actor, method, code, message, count)."""
    request = pb.encode({2: only.get("refusals", False), 3: 1000})
    answer = pb.decode(cluster.nodes[0].client.call(ACCESS + "ListAudit", request, 5))
    return [(e.message(2).str(1), e.str(3), e.int(5), e.str(6), e.int(8))
            for e in answer.messages(1)]


with Cluster() as c:
    c.start()
    node = c.nodes[1]
    step("nobody in particular")
    nobody = c.client(node)
    code, text, reason = refusal(nobody.call, watchfire.ADD_NOTE, c.note("x"), 5)
    check((code, reason) == (rpc.Code.UNAUTHENTICATED, "NO_CREDENTIALS"), "%s %s" % (code, text))

    step("a certificate without a role")
    stranger = c.client(node, "stranger")
    code, text, reason = refusal(stranger.call, watchfire.ADD_NOTE, c.note("x"), 5)
    check((code, reason) == (rpc.Code.PERMISSION_DENIED, "NO_ROLE"), "%s %s" % (code, text))
    who = pb.decode(stranger.call(ACCESS + "WhoAmI", b"", 5))
    check(who.message(1).str(1) == "stranger" and who.str(3) == "certificate", "WhoAmI")

    step("a viewer reads, and does not write")
    c.set_user("vera", VIEWER)
    c.settle()
    vera = c.client(node, "vera")
    vera.call(watchfire.INCIDENTS + "GetIncident", pb.encode({1: c.incident}), 5)
    code, text, reason = refusal(vera.call, watchfire.ADD_NOTE, c.note("by a viewer"), 5)
    check((code, reason) == (rpc.Code.PERMISSION_DENIED, "ROLE_TOO_LOW"), "%s %s" % (code, text))
    check("VIEWER" in text and "RESPONDER" in text, text)
    found = wait_for("the refusal in the audit", lambda: [
        e for e in audit(c, refusals=True) if e[0] == "vera" and e[1].endswith("/AddNote")])
    check(found[0][2] == rpc.Code.PERMISSION_DENIED.value[0], "audited with code %d" % found[0][2])
    check("by a viewer" not in c.notes(node), "it was written all the same")

    step("an admin's token for somebody is refused to others")
    code, text, reason = refusal(vera.call, ACCESS + "CreateToken", pb.encode({2: "t", 3: "root"}), 5)
    check(code == rpc.Code.PERMISSION_DENIED, text)

    step("a token ends when it is revoked")
    answer = pb.decode(node.client.call(ACCESS + "CreateToken", pb.encode(
        {2: "short", 4: COMMANDER}), 5))
    secret, token_id = answer.str(2), answer.message(1).str(1)
    check(len(secret) == 46 and secret.startswith("wf_"), "the secret's form")
    bearer = c.client(node, token=secret)
    bearer.call(watchfire.ADD_NOTE, c.note("by token"), 5)
    node.client.call(ACCESS + "RevokeToken", pb.encode({2: token_id}), 5)
    code, text, reason = refusal(bearer.call, watchfire.ADD_NOTE, c.note("by token"), 5)
    check(code == rpc.Code.UNAUTHENTICATED, "%s %s" % (code, text))
    check(secret not in open(node.log).read(), "the secret is in the log")

    step("a scoped token keeps to its services")
    answer = pb.decode(node.client.call(ACCESS + "CreateToken", pb.encode(
        {2: "scoped", 4: VIEWER, 5: ["LogService"]}), 5))
    scoped = c.client(node, token=answer.str(2))
    scoped.call(LOG + "ListEvents", b"", 5)
    code, text, reason = refusal(scoped.call, watchfire.INCIDENTS + "ListIncidents", b"", 5)
    check(reason == "OUT_OF_SCOPE", text)
    wait_for("its use on the record", lambda: [
        t for t in pb.decode(node.client.call(ACCESS + "ListTokens", b"", 5)).messages(1)
        if t.str(2) == "scoped" and 10 in t])

    step("expired certificates and those of another CA are turned away")
    for cert in (c.authority.issue("late", "spiffe://%s/user/root" % watchfire.NAME, days=-1),
                 certs.Authority(os.path.join(c.home, "other"), "spiffe://" + watchfire.NAME).issue(
                     "root", "spiffe://%s/user/root" % watchfire.NAME)):
        client = rpc.Client(node.address, c.ca, *cert)
        code, text, reason = refusal(client.call, ACCESS + "WhoAmI", b"", 2)
        check(code in (rpc.Code.UNAVAILABLE, rpc.Code.DEADLINE_EXCEEDED), text)
    wait_for("them in the audit", lambda: [e for e in audit(c, refusals=True) if e[1] == "tls"])

    step("SIGHUP takes a new certificate, and keeps the old one when the new is bad")
    name = "spiffe://%s/node/%s" % (watchfire.NAME, node.name)
    base = open(node.config).read().split("cert: ")[1].split(",")[0]
    key = base.replace(".pem", "-key.pem")
    good = (open(base).read(), open(key).read())
    with open(base, "w") as out:
        out.write("no certificate\n")
    node.process.send(signal.SIGHUP)
    wait_for("the refusal", lambda: "not reloaded" in open(node.log).read())
    c.client(node, token=c.token).call(watchfire.ADD_NOTE, c.note("old certificate"), 5)
    new = c.authority.issue("renewed", name, days=2)
    shutil.copy(new[0], base)
    shutil.copy(new[1], key)
    node.process.send(signal.SIGHUP)
    wait_for("the reload", lambda: "certificates reloaded" in open(node.log).read())
    c.client(node, token=c.token).call(watchfire.ADD_NOTE, c.note("new certificate"), 5)
    left = pb.decode(node.client.call(watchfire.CLUSTER + "GetStatus", b"", 5)).int(16)
    check(left > 86400, "the new certificate is not in use: %d s left" % left)

    step("pages")
    check(c.get(node, "/healthz") == (200, "ok\n"), "/healthz")
    status, metrics = c.get(node, "/metrics")
    check(status == 200 and metrics.endswith("# EOF\n"), "/metrics: %d" % status)
    for family in ("watchfire_raft_term", "watchfire_commit_seconds_bucket", "watchfire_queue_depth",
                   "watchfire_certificate_expires_in_seconds", "watchfire_apply_seconds_sum"):
        check(family in metrics, "%s is not among the metrics" % family)
    token, c.token = c.token, None
    check(c.get(node, "/metrics")[0] == 401, "/metrics for nobody")
    c.token = token
    check(c.get(node, "/favicon.ico")[0] == 404, "/favicon.ico")

    step("a watch tells every event once")
    c.settle()  # "from now" is what the node knows by now
    stream = node.client.stream(LOG + "WatchEvents", pb.encode({1: c.incident, 3: True}), 20)
    import threading
    threading.Timer(0.5, lambda: [node.client.call(watchfire.ADD_NOTE, c.note("w%d" % i), 5)
                                  for i in range(50)]).start()
    seen = []
    for message in stream:
        event = pb.decode(message).message(1)
        seen.append(event.message(26).str(1))
        if len(seen) == 50:
            break
    check(seen == ["w%d" % i for i in range(50)], "seen: %s" % seen)
    stream.cancel()

    step("an export is whole")
    records = []
    for message in node.client.stream(LOG + "ExportLog", b"", 20):
        records += pb.decode(message).messages(1)
    import hashlib
    head = b"\0" * 32
    for record in records:
        head = hashlib.sha256(head + record.bytes(1)).digest()
        check(head == record.bytes(2), "the chain of the export does not hold")
    check(len(records) == c.settle(), "%d records" % len(records))
print("ok")
