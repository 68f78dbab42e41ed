// SPDX-License-Identifier: Apache-2.0
#include "state/tasks.h"

#include <string.h>

#include "base/limits.h"
#include "state/access.h"
#include "state/events.h"
#include "state/incident.h"
#include "state/refuse.h"

static bool need_task_owner(struct wf_op *op, const char *owner)
{
    return owner[0] == '\0' || (wf_need_line(op, "owner", owner, 0, WF_USER_NAME_MAX) &&
                                wf_need_recipient(op, "owner", owner, IR_LIAISON));
}

static void put(struct wf_op *op, uint64_t incident, V1(Task) * t, V1(Event) * e)
{
    t->at = wf_arena_time(op->arena, op->time);
    e->task = t;
    wf_event_append(op, incident, e);
    wf_db_run(&op->s->db, "INSERT OR REPLACE INTO tasks VALUES(?, ?, ?, ?, ?, ?)", "iissii",
              (int64_t)incident, (int64_t)t->number, t->title, t->owner, (int64_t)t->closed,
              op->time);
}

void wf_task_add(struct wf_op *op, const V1(AddTaskRequest) * r)
{
    uint64_t incident = wf_need_incident(op, r->incident_id);

    if (incident == 0 || !wf_need_line(op, "title", r->title, 1, WF_TITLE_MAX) ||
        !need_task_owner(op, r->owner))
        return;
    int64_t n = wf_db_int(&op->s->db, 0, "SELECT max(number) FROM tasks WHERE incident = ?", "i",
                          (int64_t)incident);
    if (n >= WF_TASKS_MAX) {
        wf_refuse(op, WF_RESOURCE_EXHAUSTED, "TOO_MANY", "%s has %d tasks, as many as can be",
                  r->incident_id, WF_TASKS_MAX);
        op->detail.limit = WF_TASKS_MAX;
        return;
    }
    V1(Task) *t = WF_NEW(op->arena, V1(Task), watchfire__v1__task__init);
    V1(AddTaskResponse) *answer =
        WF_NEW(op->arena, V1(AddTaskResponse), watchfire__v1__add_task_response__init);
    t->number = (uint32_t)n + 1;
    t->title = r->title;
    t->owner = r->owner;
    const char *owner = wf_display_name(op, r->owner);
    put(op, incident, t,
        wf_event_new(op, WHAT(TASK), "%s added task %u: %s%s%s", op->display, t->number, t->title,
                     owner[0] != '\0' ? ", for " : "", owner));
    answer->task = t;
    op->response = &answer->base;
}

static V1(Task) * load(struct wf_op *op, uint64_t incident, uint32_t number)
{
    V1(Task) *t = NULL;
    sqlite3_stmt *q = wf_db_query(
        &op->s->db, "SELECT title, owner, closed FROM tasks WHERE incident = ? AND number = ?",
        "ii", (int64_t)incident, (int64_t)number);

    if (wf_db_next(&op->s->db, q)) {
        t = WF_NEW(op->arena, V1(Task), watchfire__v1__task__init);
        t->number = number;
        t->title = wf_arena_text(op->arena, wf_db_text(q, 0));
        t->owner = wf_arena_text(op->arena, wf_db_text(q, 1));
        t->closed = sqlite3_column_int(q, 2) != 0;
    }
    wf_db_done(q);
    return t;
}

static bool may_change(struct wf_op *op, const V1(Task) * t, const V1(UpdateTaskRequest) * r)
{
    bool owner_changes = t != NULL && r->owner[0] != '\0' && strcmp(r->owner, t->owner) != 0;

    if (t == NULL) {
        wf_refuse(op, WF_NOT_FOUND, "UNKNOWN_TASK", "%s has no task %u", r->incident_id, r->number);
        op->detail.field = wf_arena_text(op->arena, "number");
        return false;
    }
    if (t->closed)
        return wf_refuse(op, WF_FAILED_PRECONDITION, "TASK_CLOSED",
                         "task %u of %s is closed and stays so: add a new one", t->number,
                         r->incident_id);
    if (!owner_changes && !r->close)
        return wf_refuse(op, WF_INVALID_ARGUMENT, "NOTHING_TO_CHANGE",
                         "task %u of %s already is as the request wants it", t->number,
                         r->incident_id);
    return need_task_owner(op, r->owner);
}

void wf_task_update(struct wf_op *op, const V1(UpdateTaskRequest) * r)
{
    uint64_t incident = wf_need_incident(op, r->incident_id);

    if (incident == 0)
        return;
    V1(Task) *t = load(op, incident, r->number);
    if (!may_change(op, t, r))
        return;
    V1(UpdateTaskResponse) *answer =
        WF_NEW(op->arena, V1(UpdateTaskResponse), watchfire__v1__update_task_response__init);
    t->owner = r->owner[0] != '\0' ? r->owner : t->owner;
    t->closed = r->close;
    put(op, incident, t,
        r->close ? wf_event_new(op, WHAT(TASK), "%s closed task %u: %s", op->display, t->number,
                                t->title)
                 : wf_event_new(op, WHAT(TASK), "%s gave task %u to %s: %s", op->display, t->number,
                                wf_display_name(op, t->owner), t->title));
    answer->task = t;
    op->response = &answer->base;
}
