// SPDX-License-Identifier: Apache-2.0
#include "state/audit.h"

#include <string.h>

#include "base/limits.h"
#include "proto/time.h"
#include "state/apply.h"
#include "state/refuse.h"

static void put(struct wf_op *op, const V1(AuditEntry) * e)
{
    struct wf_meta *m = &op->s->meta;
    static const V1(Actor) nobody = WATCHFIRE__V1__ACTOR__INIT;
    const V1(Actor) *a = e->actor != NULL ? e->actor : &nobody;

    wf_db_run(&op->s->db, "INSERT INTO audit VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
              "iisiississii", (int64_t)++m->audits, (int64_t)wf_timestamp_ms(e->at), a->name,
              (int64_t)a->kind, (int64_t)a->role, e->method, e->target, (int64_t)e->code,
              e->message, e->node, (int64_t)e->count, (int64_t)e->seq);
    if (e->code == 0)
        return;
    if (m->refusals < WF_AUDIT_REFUSALS_MAX)
        m->refusals++;
    else
        wf_db_run(&op->s->db,
                  "DELETE FROM audit WHERE id = (SELECT min(id) FROM audit WHERE code <> 0)", "");
}

static void put_own(struct wf_op *op, const char *target, uint32_t code, const char *message,
                    uint64_t seq)
{
    V1(AuditEntry) e = WATCHFIRE__V1__AUDIT_ENTRY__INIT;
    Google__Protobuf__Timestamp at;

    wf_timestamp_init(&at, op->time);
    e.at = &at;
    e.actor = (V1(Actor) *)op->actor;
    e.method = (char *)wf_method_of(op->cmd);
    e.target = wf_arena_cut(op->arena, target, WF_REQUEST_ID_MAX);
    e.code = code;
    e.message = (char *)message;
    e.count = 1;
    e.seq = seq;
    put(op, &e);
}

void wf_audit_change(struct wf_op *op, const char *target, const char *message, uint64_t seq)
{
    put_own(op, target, 0, message, seq);
}

void wf_audit_refused(struct wf_op *op, const char *target)
{
    const char *reason = op->detail.reason;

    if (op->result.code == WF_PERMISSION_DENIED || op->result.code == WF_UNAUTHENTICATED ||
        strcmp(reason, "NOT_COMMANDER") == 0 || strcmp(reason, "STALE_EPOCH") == 0)
        put_own(op, target, op->result.code, op->result.message, 0);
}

void wf_audit_refusals(struct wf_op *op, const INTERNAL(RefusalsCommand) * r)
{
    if (r->n_entries > WF_REFUSALS_BATCH_MAX) {
        wf_refuse_field(op, "TOO_MANY", "entries", WF_REFUSALS_BATCH_MAX,
                        "%zu refusals at once, at most %d", r->n_entries, WF_REFUSALS_BATCH_MAX);
        return;
    }
    for (size_t i = 0; i < r->n_entries; i++) {
        V1(AuditEntry) e = *r->entries[i];
        e.at = e.at != NULL ? e.at : wf_arena_time(op->arena, op->time);
        e.message = wf_arena_cut(op->arena, e.message, WF_AUDIT_TEXT_MAX);
        e.method = wf_arena_cut(op->arena, e.method, WF_REQUEST_ID_MAX);
        e.target = wf_arena_cut(op->arena, e.target, WF_REQUEST_ID_MAX);
        e.node = wf_arena_cut(op->arena, e.node, WF_NODE_NAME_MAX);
        e.code = e.code != 0 ? e.code : WF_UNKNOWN; // a refusal is never a change
        e.count = e.count != 0 ? e.count : 1;
        e.seq = 0;
        put(op, &e);
    }
}
