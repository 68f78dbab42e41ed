// SPDX-License-Identifier: Apache-2.0
#include "api/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

// In place of an error that there is no memory for.
static const struct wf_err no_memory = {
    WF_UNAVAILABLE, "UNKNOWN_OUTCOME",
    "the node is out of memory and cannot say how it went: the command may or may not have been "
    "written; repeat it with the same request id"};

struct wf_ask *wf_ask_new(enum wf_ask_kind kind, size_t n, void (*done)(struct wf_ask *),
                          void *user)
{
    WF_ASSERT(done != NULL);
    struct wf_ask *ask = malloc(sizeof *ask + n);
    if (!ask)
        return NULL;
    memset(ask, 0, offsetof(struct wf_ask, inline_result));
    ask->kind = kind;
    ask->done = done;
    ask->user = user;
    ask->command = (struct wf_bytes){wf_ask_room(ask), n};
    return ask;
}

struct wf_ask *wf_ask_member(enum wf_ask_kind kind, const char *name, enum wf_role role,
                             void (*done)(struct wf_ask *), void *user)
{
    struct wf_ask *ask = wf_ask_new(kind, 0, done, user);
    if (!ask)
        return NULL;
    ask->member = calloc(1, sizeof *ask->member);
    if (!ask->member) {
        wf_ask_free(ask);
        return NULL;
    }
    snprintf(ask->member->name, sizeof ask->member->name, "%s", name);
    ask->member->role = role;
    return ask;
}

void wf_ask_free(struct wf_ask *ask)
{
    if (!ask)
        return;
    if (ask->result.data != ask->inline_result)
        free((void *)ask->result.data);
    free(ask->member);
    free(ask->status);
    if (ask->err != &no_memory)
        free((void *)ask->err);
    free(ask);
}

uint8_t *wf_ask_room(struct wf_ask *ask)
{
    return (uint8_t *)(ask + 1);
}

void wf_ask_set_err(struct wf_ask *ask, const struct wf_err *err)
{
    WF_ASSERT(err->code != WF_OK);
    WF_ASSERT(!ask->err); // it is answered once
    struct wf_err *copy = malloc(sizeof *copy);
    if (copy)
        *copy = *err;
    ask->err = copy ? copy : &no_memory;
}

void wf_ask_set_result(struct wf_ask *ask, struct wf_bytes result)
{
    uint8_t *copy = result.len <= WF_ASK_INLINE ? ask->inline_result : malloc(result.len);
    if (!copy) {
        struct wf_err err;
        wf_fail_reason(&err, WF_RESOURCE_EXHAUSTED, "UNKNOWN_OUTCOME",
                       "it was done, but there is no memory for the answer");
        wf_ask_set_err(ask, &err);
        return;
    }
    if (result.len)
        memcpy(copy, result.data, result.len);
    ask->result = (struct wf_bytes){copy, result.len};
}
