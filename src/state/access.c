// SPDX-License-Identifier: Apache-2.0
#include "state/access.h"

#include <string.h>

#include "base/limits.h"
#include "proto/names.h"
#include "state/audit.h"
#include "state/events.h"
#include "state/refuse.h"
#include "state/tokens.h"

bool wf_user_find(struct wf_db *db, const char *name, struct wf_user_row *out)
{
    memset(out, 0, sizeof *out);
    sqlite3_stmt *q = wf_db_query(
        db, "SELECT name, kind, role, display_name FROM users WHERE name = ?", "s", name);
    if (!wf_db_next(db, q))
        return false;
    strncpy(out->name, wf_db_text(q, 0), sizeof out->name - 1);
    out->kind = sqlite3_column_int(q, 1);
    out->role = sqlite3_column_int(q, 2);
    strncpy(out->display_name, wf_db_text(q, 3), sizeof out->display_name - 1);
    wf_db_done(q);
    return true;
}

const char *wf_display_name(struct wf_op *op, const char *name)
{
    struct wf_user_row u;

    if (name[0] == '\0' || !wf_user_find(&op->s->db, name, &u) || u.display_name[0] == '\0')
        return name;
    return wf_arena_text(op->arena, u.display_name);
}

static int role_needed(int incident_role)
{
    return incident_role == WATCHFIRE__V1__INCIDENT_ROLE__INCIDENT_ROLE_COMMANDER ? ROLE_COMMANDER
                                                                                  : ROLE_RESPONDER;
}

static bool enough(const struct wf_user_row *u, int incident_role)
{
    return u->role != ROLE_INGEST && u->role >= role_needed(incident_role);
}

bool wf_may_hold(struct wf_op *op, const char *name, int incident_role)
{
    struct wf_user_row u;

    return wf_user_find(&op->s->db, name, &u) && u.kind == KIND_USER && enough(&u, incident_role);
}

bool wf_need_recipient(struct wf_op *op, const char *field, const char *name, int incident_role)
{
    struct wf_user_row u;

    if (!wf_user_find(&op->s->db, name, &u)) {
        wf_refuse(op, WF_NOT_FOUND, "UNKNOWN_USER",
                  "there is no user \"%s\": an admin adds one with watchfire user set",
                  wf_arena_cut(op->arena, name, WF_USER_NAME_MAX));
        op->detail.field = wf_arena_text(op->arena, field);
        return false;
    }
    if (u.kind != KIND_USER)
        return wf_refuse_field(op, "NOT_A_PERSON", field, 0,
                               "%s is a program: roles of an incident are held by people", name);
    if (enough(&u, incident_role))
        return true;
    wf_refuse(op, WF_FAILED_PRECONDITION, "RECIPIENT_ROLE",
              "%s has role %s, holding this needs %s: an admin gives it with watchfire user set",
              name, wf_enum_name(&watchfire__v1__role__descriptor, u.role),
              wf_enum_name(&watchfire__v1__role__descriptor, role_needed(incident_role)));
    op->detail.field = wf_arena_text(op->arena, field);
    return false;
}

bool wf_need_user_name(struct wf_op *op, const char *field, const char *name)
{
    if (!wf_need_text(op, field, name, 1, WF_USER_NAME_MAX))
        return false;
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name))
        return true;
    return wf_refuse_field(
        op, "BAD_NAME", field, 0,
        "a user name has only lower-case letters, digits, \"-\", \"_\" and \".\"");
}

void wf_access_event(struct wf_op *op, const char *object, const char *name, const char *action,
                     int role, const char *sentence)
{
    V1(AccessChanged) *c =
        WF_NEW(op->arena, V1(AccessChanged), watchfire__v1__access_changed__init);
    V1(Event) *e = wf_event_new(op, WHAT(ACCESS), "%s", sentence);

    c->object = wf_arena_text(op->arena, object);
    c->name = wf_arena_text(op->arena, name);
    c->action = wf_arena_text(op->arena, action);
    c->role = (V1(Role))role;
    e->access = c;
    wf_audit_change(op, name, sentence, wf_event_append(op, 0, e));
}

void wf_user_put(struct wf_op *op, const V1(User) * u)
{
    struct wf_user_row old;
    bool known = wf_user_find(&op->s->db, u->name, &old);
    const char *role = wf_enum_name(&watchfire__v1__role__descriptor, (int)u->role);

    wf_db_run(&op->s->db, "INSERT OR REPLACE INTO users VALUES(?, ?, ?, ?)", "siis", u->name,
              (int64_t)u->kind, (int64_t)u->role, u->display_name);
    wf_access_event(op, "user", u->name, known ? "role" : "created", (int)u->role,
                    wf_arena_printf(op->arena, known ? "%s made %s %s" : "%s added %s as %s",
                                    op->display, u->name, role));
}

static bool other_admins(struct wf_op *op, const char *name)
{
    return wf_db_int(&op->s->db, 0, "SELECT count(*) FROM users WHERE role = 4 AND name <> ?", "s",
                     name) > 0;
}

static bool keeps_an_admin(struct wf_op *op, const char *name, int new_role)
{
    struct wf_user_row old;

    if (new_role == ROLE_ADMIN || !wf_user_find(&op->s->db, name, &old) || old.role != ROLE_ADMIN ||
        other_admins(op, name))
        return true;
    return wf_refuse(op, WF_FAILED_PRECONDITION, "LAST_ADMIN",
                     "%s is the last admin: make somebody else admin first", name);
}

static bool user_fits(struct wf_op *op, const V1(User) * u)
{
    struct wf_user_row old;

    if (!wf_need_user_name(op, "user.name", u->name) ||
        !wf_need_line(op, "user.display_name", u->display_name, 0, WF_NAME_MAX))
        return false;
    if (u->kind != KIND_USER && u->kind != KIND_SERVICE)
        return wf_refuse_field(op, "REQUIRED", "user.kind", 0, "user.kind must be USER or SERVICE");
    if (u->role == ROLE_NONE)
        return wf_refuse_field(op, "REQUIRED", "user.role", 0,
                               "user.role is missing; to take all rights away, remove the user");
    if (wf_user_find(&op->s->db, u->name, &old))
        return (int)u->kind == old.kind ||
               wf_refuse_field(op, "KIND_CHANGED", "user.kind", 0,
                               "%s is known as another kind: remove it first", u->name);
    if (wf_db_int(&op->s->db, 0, "SELECT count(*) FROM users", "") >= WF_USERS_MAX)
        return wf_refuse(op, WF_RESOURCE_EXHAUSTED, "TOO_MANY",
                         "there are %d users, as many as can be: remove one first", WF_USERS_MAX);
    return true;
}

void wf_user_set(struct wf_op *op, const V1(SetUserRequest) * r)
{
    if (r->user == NULL) {
        wf_refuse_field(op, "REQUIRED", "user", 0, "user is missing");
        return;
    }
    if (!user_fits(op, r->user) || !keeps_an_admin(op, r->user->name, (int)r->user->role))
        return;
    wf_user_put(op, r->user);
    V1(SetUserResponse) *answer =
        WF_NEW(op->arena, V1(SetUserResponse), watchfire__v1__set_user_response__init);
    answer->user = r->user;
    op->response = &answer->base;
}

void wf_user_remove(struct wf_op *op, const V1(RemoveUserRequest) * r)
{
    struct wf_user_row old;

    if (!wf_need_user_name(op, "name", r->name))
        return;
    if (!wf_user_find(&op->s->db, r->name, &old)) {
        wf_refuse(op, WF_NOT_FOUND, "UNKNOWN_USER", "there is no user \"%s\"", r->name);
        return;
    }
    if (!keeps_an_admin(op, r->name, ROLE_NONE))
        return;
    wf_db_run(&op->s->db, "DELETE FROM users WHERE name = ?", "s", r->name);
    wf_tokens_revoke_of(op, r->name);
    wf_access_event(
        op, "user", r->name, "removed", ROLE_NONE,
        wf_arena_printf(op->arena, "%s removed %s and revoked their tokens", op->display, r->name));
    V1(RemoveUserResponse) *answer =
        WF_NEW(op->arena, V1(RemoveUserResponse), watchfire__v1__remove_user_response__init);
    op->response = &answer->base;
}
