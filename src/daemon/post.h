// SPDX-License-Identifier: Apache-2.0
// The post between a front thread and the consensus thread: asks one way, answers the other,
// whatever one turn of a loop has collected in one go. And the board on which the consensus thread
// shows what is known of the node at any moment.
//
// A struct wf_post belongs to one front; the functions say on which side they are called.
#ifndef WF_DAEMON_POST_H
#define WF_DAEMON_POST_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/backend.h"
#include "base/clock.h"
#include "base/mailbox.h"

struct wf_board {
    _Atomic uint64_t applied;
    _Atomic uint64_t current_at; // wf_mono_ns at which the state was last current; 0: never
    _Atomic uint64_t turned_at;  // wf_mono_ns at which the consensus loop last turned; 0: not yet
    pthread_mutex_t lock;        // guards view
    struct wf_view view;
};

void wf_board_init(struct wf_board *b);
void wf_board_destroy(struct wf_board *b);
void wf_board_set_view(struct wf_board *b, const struct wf_view *view);

struct wf_consensus;

struct wf_post {
    struct wf_backend backend; // the front's: hand out &backend
    struct wf_board *board;
    struct wf_mailbox *inbox; // the consensus thread's, of all fronts
    struct wf_mailbox *answers;
    void (*wake)(void *ctx);
    void *wake_ctx;
    atomic_bool watched; // the front has watchers: it wants to hear what is applied
    // Front's side.
    struct wf_ask *asks, **asks_end;
    unsigned under_way;
    // Consensus side.
    struct wf_consensus *consensus;
    struct wf_ask *done, **done_end;
};

// wake(ctx) is called on the consensus thread when answers have come. WF_RESOURCE_EXHAUSTED: out of
// memory.
int wf_post_init(struct wf_post *p, struct wf_board *board, struct wf_mailbox *inbox,
                 void (*wake)(void *ctx), void *ctx);
// Requires that nothing is under way.
void wf_post_destroy(struct wf_post *p);

// Front: hand over what was asked in this turn.
void wf_post_send_asks(struct wf_post *p);
// Front: take in what was answered, and tell those who asked.
void wf_post_take_answers(struct wf_post *p);

// Consensus: the ask is answered; it goes back with the others of the turn.
void wf_post_answer(struct wf_ask *ask);
void wf_post_send_answers(struct wf_post *p);
// Consensus: something was applied; the front is woken if it cares.
void wf_post_applied(struct wf_post *p);

#endif
