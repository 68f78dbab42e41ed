// SPDX-License-Identifier: Apache-2.0
// A bounded queue from any thread to one: how threads talk here (messages, not locks). The receiver
// is woken through a callback, normally uv_async_send().
//
// Many senders, one receiver. The owner creates it before the threads start and frees it after they
// have ended. Items are pointers; ownership passes with them.
#ifndef WF_BASE_MAILBOX_H
#define WF_BASE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

struct wf_mailbox;

// A queue of at most capacity items. wake(ctx) is called, on the sender's thread, whenever the
// queue turns from empty to non-empty. Returns NULL when out of memory.
struct wf_mailbox *wf_mailbox_new(size_t capacity, void (*wake)(void *ctx), void *ctx);

// Requires an empty queue: the owner drains it first, so that no item leaks.
void wf_mailbox_free(struct wf_mailbox *m);

// Returns WF_OK; WF_RESOURCE_EXHAUSTED when full; WF_UNAVAILABLE after wf_mailbox_close(). On
// failure the item stays the caller's.
int wf_mailbox_send(struct wf_mailbox *m, void *item);

// Take up to max items into out, in the order sent. Returns how many; receiver's thread only.
size_t wf_mailbox_receive(struct wf_mailbox *m, void **out, size_t max);

// Refuse further sends; what is queued can still be received.
void wf_mailbox_close(struct wf_mailbox *m);

// How many items wait; a hint for metrics.
size_t wf_mailbox_depth(struct wf_mailbox *m);

#endif
