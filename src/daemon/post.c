// SPDX-License-Identifier: Apache-2.0
#include "daemon/post.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"

enum { TAKE = 64 };

void wf_board_init(struct wf_board *b)
{
    *b = (struct wf_board){.view = {.reason = "the node is starting"}};
    int rc = pthread_mutex_init(&b->lock, NULL);
    WF_ASSERT(rc == 0);
}

void wf_board_destroy(struct wf_board *b)
{
    pthread_mutex_destroy(&b->lock);
}

void wf_board_set_view(struct wf_board *b, const struct wf_view *view)
{
    pthread_mutex_lock(&b->lock);
    b->view = *view;
    pthread_mutex_unlock(&b->lock);
}

// --- the front's side ----------------------------------------------------------------------------

static int ask(void *ctx, struct wf_ask *a)
{
    struct wf_post *p = ctx;
    // What is given back is never refused.
    if (p->under_way >= WF_PROPOSALS_MAX && a->kind != WF_ASK_UNPIN)
        return WF_RESOURCE_EXHAUSTED;
    p->under_way++;
    a->origin = p;
    a->next = NULL;
    *p->asks_end = a;
    p->asks_end = &a->next;
    return WF_OK;
}

static uint64_t applied(void *ctx)
{
    struct wf_post *p = ctx;
    return atomic_load_explicit(&p->board->applied, memory_order_acquire);
}

static int64_t age_ms(void *ctx)
{
    struct wf_post *p = ctx;
    uint64_t at = atomic_load_explicit(&p->board->current_at, memory_order_acquire);
    wf_mono_ns now = wf_clock_mono_ns();
    if (at == 0)
        return -1;
    return now > at ? (int64_t)((now - at) / 1000000) : 0;
}

static void view(void *ctx, struct wf_view *out)
{
    struct wf_post *p = ctx;
    pthread_mutex_lock(&p->board->lock);
    *out = p->board->view;
    pthread_mutex_unlock(&p->board->lock);
    // What a loop that stands still has shown last is no longer true.
    uint64_t at = atomic_load_explicit(&p->board->turned_at, memory_order_acquire);
    wf_mono_ns now = wf_clock_mono_ns();
    if (at == 0 || now <= at || now - at < (wf_mono_ns)WF_LOOP_STUCK_MS * 1000000)
        return;
    out->ready = out->leading = false;
    snprintf(out->reason, sizeof out->reason,
             "its consensus loop has stood still for %" PRIu64 " s: look at its disk",
             (now - at) / 1000000000);
}

int wf_post_init(struct wf_post *p, struct wf_board *board, struct wf_mailbox *inbox,
                 void (*wake)(void *ctx), void *ctx)
{
    *p = (struct wf_post){.backend = {p, ask, applied, age_ms, view}, .board = board};
    p->inbox = inbox;
    p->wake = wake;
    p->wake_ctx = ctx;
    p->asks_end = &p->asks;
    p->done_end = &p->done;
    // No more chains than asks: it is never full.
    p->answers = wf_mailbox_new(WF_PROPOSALS_MAX + TAKE, wake, ctx);
    return p->answers ? WF_OK : WF_RESOURCE_EXHAUSTED;
}

void wf_post_destroy(struct wf_post *p)
{
    WF_ASSERT(p->asks == NULL && p->done == NULL && p->under_way == 0);
    wf_mailbox_free(p->answers);
}

void wf_post_send_asks(struct wf_post *p)
{
    if (!p->asks)
        return;
    int rc = wf_mailbox_send(p->inbox, p->asks);
    WF_ASSERT(rc == WF_OK);
    p->asks = NULL;
    p->asks_end = &p->asks;
}

void wf_post_take_answers(struct wf_post *p)
{
    void *chains[TAKE];
    size_t n = wf_mailbox_receive(p->answers, chains, TAKE);
    for (size_t i = 0; i < n; i++)
        for (struct wf_ask *a = chains[i], *next; a; a = next) {
            next = a->next;
            WF_ASSERT(p->under_way > 0);
            p->under_way--;
            a->done(a);
        }
}

// --- the consensus side --------------------------------------------------------------------------

void wf_post_answer(struct wf_ask *a)
{
    struct wf_post *p = a->origin;
    a->next = NULL;
    *p->done_end = a;
    p->done_end = &a->next;
}

void wf_post_send_answers(struct wf_post *p)
{
    if (!p->done)
        return;
    int rc = wf_mailbox_send(p->answers, p->done);
    WF_ASSERT(rc == WF_OK);
    p->done = NULL;
    p->done_end = &p->done;
}

void wf_post_applied(struct wf_post *p)
{
    if (atomic_load_explicit(&p->watched, memory_order_acquire))
        p->wake(p->wake_ctx);
}
