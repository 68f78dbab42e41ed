// SPDX-License-Identifier: Apache-2.0
// A recorded history in memory, and its strict reader. README.md has the format.
//
// Read first, then only looked at: every checker may hold pointers into it. One thread.
#ifndef CHECK_HISTORY_H
#define CHECK_HISTORY_H

#include <stdbool.h>

#include "base/result.h"
#include "check/names.h"

// A run of an hour with a hundred operations a second is a tenth of it.
#define HISTORY_BYTES_MAX (1024L * 1024 * 1024)
// A note is 8192 bytes at most (WF_BODY_MAX); everything else is shorter.
#define HISTORY_TEXT_MAX 8192

#define HISTORY_OPEN UINT64_MAX // "return" of an operation that never ended

enum op_kind {
    OP_DECLARE,
    OP_NOTE,
    OP_OFFER,
    OP_ACCEPT,
    OP_STATE,
    OP_READ,
    OP_PUT,
    OP_GET,
    OP_KINDS,
};

enum outcome { OUTCOME_OK, OUTCOME_REFUSED, OUTCOME_UNKNOWN };

// States of an incident.
enum phase {
    PHASE_NONE,
    PHASE_INVESTIGATING,
    PHASE_CONFIRMED,
    PHASE_MAJOR,
    PHASE_RESOLVED,
    PHASES
};

enum event_kind {
    EVENT_OTHER,
    EVENT_DECLARED,
    EVENT_NOTE,
    EVENT_COMMANDER,
    EVENT_OFFER,
    EVENT_STATE
};

struct operation {
    enum op_kind kind;
    enum outcome outcome;
    enum phase phase; // state: where to; read: what was seen
    uint32_t line;
    name_id client, incident, node, request;
    name_id value;     // note, put, get: the text; offer: to whom; accept: by whom
    name_id commander; // declare, accept, read
    uint64_t call, ret;
    uint64_t seq;      // 0: not told
    uint64_t index;    // read
    uint64_t epoch;    // declare, offer, accept, read
    uint64_t believed; // offer, accept; 0: none
    uint64_t notes_at; // read: notes[notes_at .. notes_at + notes_n) of the history
    uint32_t notes_n;
};

struct event {
    uint64_t seq, index; // index 0: not told
    uint64_t epoch;
    int64_t at; // milliseconds
    name_id incident, value, request;
    enum event_kind kind;
    enum phase phase; // of a state event
};

struct final {
    uint32_t line;
    name_id node;
    bool gone; // taken out of the cluster: it has no state
    bool chain_valid;
    uint64_t index;
    name_id digest;
    name_id events_file; // 0: they stood in the line
    size_t events_at, events_n;
};

struct observation {
    uint32_t line;
    name_id node, leader, digest;
    bool leads; // it says so of itself
    uint64_t at, term, applied;
};

struct history {
    struct names names;
    bool etcd;
    name_id scenario;
    uint64_t seed, start, end; // end: the last moment of any operation
    name_id *nodes;
    size_t n_nodes, nodes_cap;
    struct operation *ops;
    size_t n_ops, ops_cap;
    name_id *notes;
    size_t n_notes, notes_cap;
    struct event *events;
    size_t n_events, events_cap;
    struct final *finals;
    size_t n_finals, finals_cap;
    struct observation *observations;
    size_t n_observations, observations_cap;
    size_t n_faults;
};

void history_init(struct history *h);
void history_free(struct history *h);

// Read a history from memory; file is its name in messages. Requires an initialised, empty *h. What
// events_file names is not read. Returns WF_OK, or WF_INVALID_ARGUMENT with "file:line: what".
int history_parse(struct history *h, const char *file, const char *text, size_t len,
                  struct wf_err *err);

// Read the events of one final state from memory, one a line. The same results.
int history_parse_events(struct history *h, struct final *f, const char *file, const char *text,
                         size_t len, struct wf_err *err);

// Read a history and the files it names. Also WF_NOT_FOUND and the like for what cannot be opened.
int history_load(struct history *h, const char *path, struct wf_err *err);

// The final state with the longest log, for comparing with; NULL when there is none.
const struct final *history_longest(const struct history *h);

const char *history_text(const struct history *h, name_id id);
const char *history_op_name(enum op_kind kind);
const char *history_phase_name(enum phase phase);
bool history_is_write(enum op_kind kind);

#endif
