// SPDX-License-Identifier: Apache-2.0
// What is true, told by the first node that applies each index: every event as it is appended to
// the real state's log, held against rules written here a second time. All other nodes must agree
// with it through their digests, and every answer that a client gets through its index.
#ifndef WF_TESTS_SIM_MODEL_H
#define WF_TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "state/messages.h"

enum { MODEL_PEOPLE = 24, MODEL_NAME = 16 };

struct sim;
struct life;

// An incident after one of its events.
struct model_version {
    uint64_t index, seq;
    int state;
    uint64_t epoch;
    char commander[MODEL_NAME];
};

struct model_incident {
    struct model_version *versions;
    unsigned n, cap;
    char offered_to[MODEL_NAME]; // the command; "": to nobody
    wf_unix_ms offered_until;
};

// One request of a client, known by its id "u3-17".
struct model_request {
    int what, action; // its first event: Event.what, and for a role's what happened
    uint64_t epoch;   // of its incident, under which alone it may happen; 0: any
    uint64_t seq;     // of that; 0: not on the record
    bool answered;    // so, whoever asked first:
    uint32_t code;
    uint64_t answer_seq;
};

struct model {
    struct sim *sim;
    bool genesis;
    uint64_t index; // up to which it is known
    uint64_t gap;   // at or below it, an event's own index is not known
    uint64_t seq;   // of the last event
    uint8_t head[WF_HASH_SIZE];
    wf_unix_ms at;
    struct model_incident *incidents; // number i + 1
    unsigned n, cap;
    struct model_request *requests[MODEL_PEOPLE];
    unsigned n_requests[MODEL_PEOPLE], requests_cap[MODEL_PEOPLE];
};

struct model *model_new(struct sim *s);
void model_free(struct model *m);

// The life has applied an entry, or an image: take in what nobody had told of yet.
void model_take(struct model *m, struct life *l);

// A new request of that person, whose first event is to be that, in that epoch; returns its number.
unsigned model_ask(struct model *m, unsigned person, int what, int action, uint64_t epoch);

// A node has answered it at that index. before: what had been acknowledged when it was asked.
void model_answer(struct model *m, struct life *l, unsigned person, unsigned number,
                  uint64_t before, uint64_t index, const INTERNAL(Result) * r);

// A node shows an incident as of that index.
void model_shown(struct model *m, struct life *l, uint64_t index, const V1(Incident) * inc);

// Whether the record has the incident at that index. (A client may ask for one that only a leader
// with a damaged state has told it of.)
bool model_declared(struct model *m, const char *id, uint64_t index);

#endif
