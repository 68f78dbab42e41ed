// SPDX-License-Identifier: Apache-2.0
#include "tls/turn.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/assert.h"

// One per loop with connections; found here since a loop's data field belongs to its user.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct wf_turn *all;

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

void wf_turn_remove(struct wf_turn_entry *e)
{
    if (!e->next)
        return;
    e->prev->next = e->next;
    e->next->prev = e->prev;
    e->prev = e->next = NULL;
}

void wf_turn_add(struct wf_turn *t, struct wf_turn_entry *e)
{
    WF_ASSERT(e->run != NULL);
    if (e->next)
        return;
    if (t->head.next == &t->head)
        uv_idle_start(&t->idle, on_idle);
    e->prev = t->head.prev;
    e->next = &t->head;
    e->prev->next = e;
    t->head.prev = e;
}

// What is added meanwhile waits for the next turn, which then does not block: a connection cannot
// keep the loop to itself.
static void on_prepare(uv_prepare_t *prepare)
{
    struct wf_turn *t = prepare->data;
    struct wf_turn_entry now = {.prev = t->head.prev, .next = t->head.next};
    if (t->head.next == &t->head) {
        uv_idle_stop(&t->idle); // those that were listed have gone meanwhile
        return;
    }
    now.prev->next = &now;
    now.next->prev = &now;
    t->head.prev = t->head.next = &t->head;
    while (now.next != &now) {
        struct wf_turn_entry *e = now.next;
        wf_turn_remove(e);
        e->run(e);
    }
    if (t->head.next == &t->head)
        uv_idle_stop(&t->idle);
}

// A peer that is gone is an error code, not the end of the process: libuv has no MSG_NOSIGNAL. A
// program that has its own handler keeps it.
static void ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        (void)signal(SIGPIPE, SIG_IGN);
}

static struct wf_turn *new_turn(uv_loop_t *loop)
{
    struct wf_turn *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    ignore_sigpipe();
    t->loop = loop;
    t->head.prev = t->head.next = &t->head;
    uv_prepare_init(loop, &t->prepare);
    t->prepare.data = t;
    uv_prepare_start(&t->prepare, on_prepare);
    uv_unref((uv_handle_t *)&t->prepare);
    uv_idle_init(loop, &t->idle);
    t->idle.data = t;
    t->handles = 2;
    t->next_turn = all;
    all = t;
    return t;
}

struct wf_turn *wf_turn_acquire(uv_loop_t *loop)
{
    pthread_mutex_lock(&lock);
    struct wf_turn *t = all;
    while (t && t->loop != loop)
        t = t->next_turn;
    if (!t)
        t = new_turn(loop);
    if (t)
        t->refs++;
    pthread_mutex_unlock(&lock);
    return t;
}

static void on_closed(uv_handle_t *h)
{
    struct wf_turn *t = h->data;
    if (--t->handles == 0)
        free(t);
}

void wf_turn_release(struct wf_turn *t)
{
    pthread_mutex_lock(&lock);
    WF_ASSERT(t->refs > 0);
    bool last = --t->refs == 0;
    if (last) {
        WF_ASSERT(t->head.next == &t->head);
        struct wf_turn **p = &all;
        while (*p != t)
            p = &(*p)->next_turn;
        *p = t->next_turn;
    }
    pthread_mutex_unlock(&lock);
    if (!last)
        return;
    uv_close((uv_handle_t *)&t->prepare, on_closed);
    uv_close((uv_handle_t *)&t->idle, on_closed);
}
