// SPDX-License-Identifier: Apache-2.0
#include "state/cluster.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "state/access.h"
#include "state/audit.h"
#include "state/events.h"
#include "state/incident.h"
#include "state/refuse.h"
#include "state/requests.h"
#include "state/roles.h"
#include "state/schema.h"

static void cluster_event(struct wf_op *op, const char *action, const char *node,
                          const char *detail, const char *sentence)
{
    V1(ClusterChanged) *c =
        WF_NEW(op->arena, V1(ClusterChanged), watchfire__v1__cluster_changed__init);
    V1(Event) *e = wf_event_new(op, WHAT(CLUSTER), "%s", sentence);

    c->action = (char *)action;
    c->node = (char *)node;
    c->detail = (char *)detail;
    e->cluster = c;
    wf_audit_change(op, node, sentence, wf_event_append(op, 0, e));
}

static bool admins_fit(struct wf_op *op, const INTERNAL(GenesisCommand) * c)
{
    bool admin = false;

    if (c->n_users > WF_LIST_MAX)
        return wf_refuse_field(op, "TOO_MANY", "users", WF_LIST_MAX, "%zu users, at most %d",
                               c->n_users, WF_LIST_MAX);
    for (size_t i = 0; i < c->n_users; i++) {
        const V1(User) *u = c->users[i];
        if (!wf_need_user_name(op, "users.name", u->name) ||
            !wf_need_line(op, "users.display_name", u->display_name, 0, WF_NAME_MAX))
            return false;
        if ((u->kind != KIND_USER && u->kind != KIND_SERVICE) || u->role == ROLE_NONE)
            return wf_refuse_field(op, "REQUIRED", "users", 0, "%s has no kind or no role",
                                   u->name);
        admin = admin || (u->kind == KIND_USER && u->role == ROLE_ADMIN);
    }
    return admin ||
           wf_refuse_field(op, "REQUIRED", "users", 0, "a cluster begins with at least one admin");
}

// The state has that schema from here on; false: this program does not know it, and the node stops.
static bool raise_schema(struct wf_op *op, uint32_t schema)
{
    struct wf_state *s = op->s;

    if (schema > (uint32_t)s->knows) {
        s->db.broken = true;
        wf_fail_reason(&s->db.fault, WF_FAILED_PRECONDITION, "SCHEMA_NEWER",
                       "the cluster goes on with schema version %u, this program knows %d: install "
                       "a newer watchfired",
                       schema, s->knows);
        return false;
    }
    wf_schema_raise(&s->db, (int)schema);
    s->schema = (int)schema;
    return true;
}

void wf_cluster_migrate(struct wf_op *op, const INTERNAL(MigrateCommand) * c)
{
    char schema[16];

    snprintf(schema, sizeof schema, "%u", c->schema);
    if (c->schema <= (uint32_t)op->s->schema)
        wf_refuse(op, WF_ALREADY_EXISTS, "SCHEMA_REACHED", "the state has schema version %d",
                  op->s->schema);
    else if (raise_schema(op, c->schema))
        cluster_event(op, "migrated", "", schema,
                      wf_arena_printf(op->arena, "The state went on to schema version %s", schema));
}

void wf_cluster_genesis(struct wf_op *op, const INTERNAL(GenesisCommand) * c)
{
    struct wf_meta *m = &op->s->meta;

    if (m->genesis) {
        wf_refuse(op, WF_ALREADY_EXISTS, "CLUSTER_EXISTS", "the cluster %s exists already",
                  m->cluster_name);
        return;
    }
    if (c->cluster_id.len != sizeof m->cluster_id) {
        wf_refuse_field(op, "OUT_OF_RANGE", "cluster_id", sizeof m->cluster_id,
                        "cluster_id has %zu bytes, must have %zu", c->cluster_id.len,
                        sizeof m->cluster_id);
        return;
    }
    if (!wf_need_user_name(op, "cluster_name", c->cluster_name) || !admins_fit(op, c))
        return;
    if (c->schema > (uint32_t)op->s->schema && !raise_schema(op, c->schema))
        return;
    m->genesis = true;
    memcpy(m->cluster_id, c->cluster_id.data, sizeof m->cluster_id);
    strcpy(m->cluster_name, c->cluster_name);
    cluster_event(op, "created", op->actor->name, c->cluster_name,
                  wf_arena_printf(op->arena, "The cluster %s was created", c->cluster_name));
    for (size_t i = 0; i < c->n_users; i++)
        wf_user_put(op, c->users[i]);
}

void wf_cluster_member(struct wf_op *op, const INTERNAL(MemberCommand) * c)
{
    if (!wf_need_line(op, "action", c->action, 1, WF_NAME_MAX) ||
        !wf_need_line(op, "node", c->node, 0, WF_NODE_NAME_MAX) ||
        !wf_need_line(op, "detail", c->detail, 0, WF_BODY_MAX))
        return;
    cluster_event(op, c->action, c->node, c->detail,
                  wf_arena_printf(op->arena, "Node %s was %s%s%s", c->node, c->action,
                                  c->detail[0] != '\0' ? ": " : "", c->detail));
}

void wf_cluster_tick(struct wf_op *op)
{
    struct wf_db *db = &op->s->db;
    int64_t number;

    // Each pass settles one incident, so that its due time moves on or goes away.
    while ((number = wf_db_int(db, 0,
                               "SELECT id FROM incidents WHERE due_at <= ?"
                               " ORDER BY due_at, id LIMIT 1",
                               "i", op->time)) != 0) {
        V1(Incident) *inc = wf_incident_read(db, op->arena, (uint64_t)number, false);
        if (inc == NULL)
            break;
        if (!wf_roles_fall_due(op, inc)) {
            db->broken = true;
            wf_fail(&db->fault, WF_DATA_LOSS, "%s is due but holds nothing due", inc->id);
            break;
        }
        wf_incident_store(op, inc);
    }
    wf_requests_expire(op->s, op->time);
}

wf_unix_ms wf_cluster_due(struct wf_state *s)
{
    wf_unix_ms expire = wf_requests_due(s);

    if (s->due_changed) {
        s->incident_due = wf_db_int(
            &s->db, INT64_MAX, "SELECT min(due_at) FROM incidents WHERE due_at IS NOT NULL", "");
        s->due_changed = false;
    }
    return s->incident_due < expire ? s->incident_due : expire;
}
