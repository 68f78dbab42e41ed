// SPDX-License-Identifier: Apache-2.0
// What the api needs of the node behind it: questions that the consensus thread answers, and a few
// facts that can be read at once. The daemon plugs the consensus thread in, tests a node of their
// own.
//
// A front thread's own: asks are made and answered on the thread of the loop that the api runs on.
#ifndef WF_API_BACKEND_H
#define WF_API_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/result.h"
#include "replication/fsm.h"
#include "replication/node.h"

struct wf_state_image;

enum wf_ask_kind {
    WF_ASK_PROPOSE,  // command -> index, result
    WF_ASK_READ,     // -> index
    WF_ASK_STATUS,   // -> status
    WF_ASK_ADD,      // member.name, region, address
    WF_ASK_ASSIGN,   // member.name, role
    WF_ASK_REMOVE,   // member.name
    WF_ASK_TRANSFER, // member.name, "": whoever is best
    WF_ASK_IMAGE,    // make a state image
    WF_ASK_PIN,      // -> pin, index: the state as of now, for a backup
    WF_ASK_UNPIN,    // pin
};

struct wf_status {
    struct wf_node_status node;
    uint64_t last_seq;
};

enum { WF_ASK_INLINE = 128 }; // results up to this need no allocation: that of a note is 20 bytes

// One question. Its maker fills the first part and frees it in done.
struct wf_ask {
    enum wf_ask_kind kind;
    // Called once, always, later, on the asking thread.
    void (*done)(struct wf_ask *ask);
    void *user;              // the asker's
    struct wf_bytes command; // lies behind the struct
    struct wf_member *member;
    struct wf_state_image *pin;

    // The answer. err is NULL when it succeeded; both are freed with the ask.
    const struct wf_err *err;
    uint64_t index;
    struct wf_bytes result;
    struct wf_status *status;

    // The backend's.
    struct wf_ask *next;
    void *origin;
    uint8_t inline_result[WF_ASK_INLINE];
};

// A new question, with room for a command of n bytes. NULL when out of memory.
struct wf_ask *wf_ask_new(enum wf_ask_kind kind, size_t n, void (*done)(struct wf_ask *),
                          void *user);
// One about a member; role is without meaning unless it is assigned.
struct wf_ask *wf_ask_member(enum wf_ask_kind kind, const char *name, enum wf_role role,
                             void (*done)(struct wf_ask *), void *user);
void wf_ask_free(struct wf_ask *ask);

// Where the command goes: n bytes, as given to wf_ask_new().
uint8_t *wf_ask_room(struct wf_ask *ask);

// For backends: copy what a callback lent. Out of memory becomes the ask's error: UNKNOWN_OUTCOME.
void wf_ask_set_err(struct wf_ask *ask, const struct wf_err *err);
void wf_ask_set_result(struct wf_ask *ask, struct wf_bytes result);

// What is known of the node at any moment.
struct wf_view {
    bool ready;       // applied, in touch with a leader, neither fenced nor draining
    char reason[256]; // why not
    bool fenced;      // the state here is wrong: nothing is answered from it
    bool begun; // the state here has the cluster's beginning, which says who its first admins are
    bool leading;
    char leader[WF_NODE_NAME_MAX + 1]; // "": none known
    char leader_address[WF_ADDRESS_MAX + 1];
};

struct wf_backend {
    void *ctx;
    // Take the ask over: done follows. WF_RESOURCE_EXHAUSTED: too many under way; the ask stays the
    // caller's.
    int (*ask)(void *ctx, struct wf_ask *ask);
    uint64_t (*applied)(void *ctx); // newest index applied here
    int64_t (*age_ms)(void *ctx);   // of the local state, as wf_node_age_ms() has it
    void (*view)(void *ctx, struct wf_view *out);
};

#endif
