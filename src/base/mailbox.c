// SPDX-License-Identifier: Apache-2.0
#include "base/mailbox.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/result.h"

struct wf_mailbox {
    pthread_mutex_t lock; // guards all below
    void (*wake)(void *ctx);
    void *ctx;
    size_t capacity;
    size_t head; // next to receive
    size_t count;
    bool closed;
    void *items[];
};

struct wf_mailbox *wf_mailbox_new(size_t capacity, void (*wake)(void *ctx), void *ctx)
{
    WF_ASSERT(capacity > 0 && wake != NULL);
    struct wf_mailbox *m = calloc(1, sizeof *m + capacity * sizeof m->items[0]);
    if (!m)
        return NULL;
    int rc = pthread_mutex_init(&m->lock, NULL);
    WF_ASSERT(rc == 0);
    m->capacity = capacity;
    m->wake = wake;
    m->ctx = ctx;
    return m;
}

void wf_mailbox_free(struct wf_mailbox *m)
{
    if (!m)
        return;
    WF_ASSERT(m->count == 0);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static void lock(struct wf_mailbox *m)
{
    int rc = pthread_mutex_lock(&m->lock);
    WF_ASSERT(rc == 0);
}

static void unlock(struct wf_mailbox *m)
{
    int rc = pthread_mutex_unlock(&m->lock);
    WF_ASSERT(rc == 0);
}

int wf_mailbox_send(struct wf_mailbox *m, void *item)
{
    WF_ASSERT(item != NULL);
    int rc = WF_OK;
    bool first = false;
    lock(m);
    if (m->closed) {
        rc = WF_UNAVAILABLE;
    } else if (m->count == m->capacity) {
        rc = WF_RESOURCE_EXHAUSTED;
    } else {
        m->items[(m->head + m->count) % m->capacity] = item;
        first = m->count++ == 0;
    }
    // Woken under the lock: after wf_mailbox_close() has returned, nobody is still inside wake().
    if (first)
        m->wake(m->ctx);
    unlock(m);
    return rc;
}

size_t wf_mailbox_receive(struct wf_mailbox *m, void **out, size_t max)
{
    lock(m);
    size_t n = m->count < max ? m->count : max;
    for (size_t i = 0; i < n; i++)
        out[i] = m->items[(m->head + i) % m->capacity];
    m->head = (m->head + n) % m->capacity;
    m->count -= n;
    // More is left than the receiver could take: it must come back.
    if (m->count > 0)
        m->wake(m->ctx);
    unlock(m);
    return n;
}

void wf_mailbox_close(struct wf_mailbox *m)
{
    lock(m);
    m->closed = true;
    unlock(m);
}

size_t wf_mailbox_depth(struct wf_mailbox *m)
{
    lock(m);
    size_t n = m->count;
    unlock(m);
    return n;
}
