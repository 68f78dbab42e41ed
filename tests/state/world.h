// SPDX-License-Identifier: Apache-2.0
// A state machine with people in it, to write scenarios in few lines.
//
// ada is admin ("Ada"), ricardo and chris are commanders ("Ricardo", "Chris Stolt"), sam and tia
// are responders (without display names), vic is a viewer, bot is a service with the responder
// role, auto a service with the commander role. Each call is one batch at w->now. A failing
// expectation fails the cmocka test.
#ifndef WF_TESTS_STATE_WORLD_H
#define WF_TESTS_STATE_WORLD_H

#include "check.h"

#include "base/hash.h"
#include "base/limits.h"
#include "proto/time.h"
#include "state/messages.h"
#include "state/state.h"

struct world {
    struct wf_state *s;
    struct wf_state_reader *r;
    char dir[64]; // "" in memory
    wf_unix_ms now;
    uint64_t epoch;            // sent with every request that takes one
    const char *request_id;    // NULL: the next call has none
    INTERNAL(Result) * result; // of the last call
    ProtobufCMessage *query;   // answer to the last query
    struct wf_err err;         // of the last query
};

void world_open(struct world *w);            // in memory, with everybody
void world_open_dir(struct world *w);        // in a new directory
void world_reopen(struct world *w);          // close and open the same directory
void world_close(struct world *w);           // and remove the directory
void world_pass(struct world *w, int64_t s); // time passes

// Apply a packed command as a batch of its own; the result is in w->result.
int world_apply(struct world *w, const void *command, size_t len);
// Send a request message as that person; returns the gRPC code.
int world_do(struct world *w, const char *who, ProtobufCMessage *request);
// The same for commands of nodes.
int world_node(struct world *w, ProtobufCMessage *command);
int world_tick(struct world *w);
// Pack the command that world_do() would apply; free() it.
uint8_t *world_pack(struct world *w, const char *who, ProtobufCMessage *request, size_t *len);

// Shorthands for requests about INC-<n>, n = 1 unless given. group and reason may be "".
int declare(struct world *w, const char *who, const char *title);
int change(struct world *w, const char *who, int to);
int offer(struct world *w, const char *who, int role, const char *group, const char *to);
int accept_role(struct world *w, const char *who, int role, const char *group);
int decline(struct world *w, const char *who, int role, const char *group);
int withdraw(struct world *w, const char *who, int role, const char *group);
int claim(struct world *w, const char *who, int role, const char *group, const char *reason);
int refuse_claim(struct world *w, const char *who, int role, const char *group);
int release(struct world *w, const char *who, int role, const char *group);
int sitrep(struct world *w, const char *who, const char *text);
int status(struct world *w, const char *who, int kind, const char *body);
int note(struct world *w, const char *who, const char *text);
int set_user(struct world *w, const char *who, const char *name, int kind, int role);

// The last call was refused with this reason, and its message has that passage.
void refused(struct world *w, const char *reason, const char *passage);

// Ask the reader; the answer stays until the next query.
void *query(struct world *w, ProtobufCMessage *request);
V1(Incident) * incident(struct world *w, const char *id);
// The newest event (in place until the next query).
V1(Event) * newest_event(struct world *w);
void announced(struct world *w, const char *line);
uint64_t count_events(struct world *w);

#define INC "INC-1"

#endif
