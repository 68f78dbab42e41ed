// SPDX-License-Identifier: Apache-2.0
// Inside the state machine: the writer, and the command it is applying. Only src/state includes
// this.
//
// A rule is a function of (op, request). It looks first and refuses (state/refuse.h) before it has
// changed anything, then changes tables, appends events and sets op->response. Failures of SQLite
// stick in s->db and are looked at before the batch is committed, so that rules need not.
#ifndef WF_STATE_MACHINE_H
#define WF_STATE_MACHINE_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "state/arena.h"
#include "state/db.h"
#include "state/messages.h"
#include "state/state.h"

// The row of table meta: what is read and written with every batch, kept in memory.
struct wf_meta {
    uint64_t applied;
    uint64_t term;
    wf_unix_ms time;
    uint8_t digest[WF_HASH_SIZE];
    uint64_t last_seq;
    uint8_t head[WF_HASH_SIZE]; // of event last_seq
    uint64_t incidents;         // declared so far; they are numbered from 1 and never go away
    uint64_t tokens;            // made so far
    uint64_t requests;          // remembered so far
    uint64_t audits;            // written so far
    uint64_t refusals;          // kept now
    uint8_t cluster_id[16];
    bool genesis; // cluster_id is set
    char cluster_name[64];
};

struct wf_state {
    struct wf_db db;
    struct wf_meta meta;
    struct wf_arena arena;   // of the command at hand
    struct wf_buf canonical; // the event being appended
    struct wf_buf results;   // of the last batch
    size_t *ends;            // where each result of the batch ends in results
    unsigned ends_cap;
    wf_unix_ms oldest_request; // when the oldest that may be forgotten for its age was; 0: none
    wf_unix_ms incident_due;   // when the next offer or claim falls due; INT64_MAX: none
    bool due_changed;
    uint8_t tick[64];
    size_t tick_len;
    int schema;           // of the file
    int knows;            // the newest that this program does: WF_SCHEMA_VERSION, or less in a test
    uint32_t all_know;    // the newest that all members do, while this node leads; 0: not known
    uint8_t raise[64];    // the command that raises it, made at need
    char *dir;            // NULL: in memory
    _Atomic bool damaged; // see wf_state_damaged()
};

// One command being applied.
struct wf_op {
    struct wf_state *s;
    struct wf_arena *arena;
    wf_unix_ms time;
    const INTERNAL(Command) * cmd;
    const V1(Actor) * actor; // never NULL
    const char *display;     // the actor's name for announcements
    INTERNAL(Result) result;
    V1(ErrorDetail) detail;
    const ProtobufCMessage *response; // of a command that was done
};

// Read everything that is kept in memory from the file again: after opening, installing, failing.
void wf_state_load(struct wf_state *s);

// Meta's row. Both leave failures in db.
void wf_meta_load(struct wf_db *db, struct wf_meta *m);
void wf_meta_save(struct wf_db *db, const struct wf_meta *m);

// Copy the database that from reads into to's, as an image is made: to is a connection to a new
// file or to an older image, fd (-1: none) the same file, to be pushed to disk step by step. Syncs
// nothing. For image.c, and for the simulator, whose files are no POSIX ones.
int wf_state_image_copy(struct wf_db *to, struct wf_db *from, int fd, struct wf_err *err);

// A new message of the arena: V1(Task) *t = WF_NEW(op->arena, V1(Task), watchfire__v1__task__init).
#define WF_NEW(arena_, type, init)                                                                 \
    ({                                                                                             \
        type *new_ = wf_arena_alloc(arena_, sizeof *new_);                                         \
        init(new_);                                                                                \
        new_;                                                                                      \
    })

#endif
