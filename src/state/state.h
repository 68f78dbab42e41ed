// SPDX-License-Identifier: Apache-2.0
// The replicated state machine: commands in, results and events out, kept in one SQLite file.
//
// Deterministic: the same commands at the same indexes give the same bytes on every node. No clock,
// no randomness, no locale; time is a field of the batch. The file materialises the raft log: WAL
// with synchronous=NORMAL, so that it may lose its newest transactions to a power cut but is never
// half written; the raft log then replays them.
//
// struct wf_state is the writer, owned by the consensus thread. struct wf_state_reader is a
// read-only connection with statements of its own; one per reading thread; it sees the last
// committed batch.
#ifndef WF_STATE_STATE_H
#define WF_STATE_STATE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"

struct wf_state;
struct wf_state_reader;

struct wf_state_bytes {
    const uint8_t *data;
    size_t len;
};

// Open (or create) the state in directory dir; NULL: in memory, without readers'
// threads. Refused: a newer schema (FAILED_PRECONDITION), a file that is not intact (DATA_LOSS: the
// caller removes it and installs an image or replays the log).
int wf_state_open(struct wf_state **out, const char *dir, struct wf_err *err);
void wf_state_close(struct wf_state *s);

uint64_t wf_state_applied(const struct wf_state *s);
void wf_state_digest(const struct wf_state *s, uint8_t out[WF_HASH_SIZE]);
uint64_t wf_state_last_seq(const struct wf_state *s);

// Apply the n packed Commands of one raft entry as one SQLite transaction, committed before this
// returns. results[i] is a packed Result and stays valid until the next call. n may be 0.
// Requires index == applied + 1. Fails only when disk or memory fails; then the node must stop.
int wf_state_apply(struct wf_state *s, uint64_t index, uint64_t term, wf_unix_ms time,
                   const struct wf_state_bytes *commands, unsigned n,
                   struct wf_state_bytes *results, struct wf_err *err);

// Somebody, on whatever thread, read what was not as it had been written: no answer came of it, but
// the state is to be made anew from the log. Any thread.
bool wf_state_damaged(const struct wf_state *s);

// When something next falls due (an offer lapses, a claim holds, remembered ids expire); INT64_MAX
// when nothing does. The leader then proposes the command of wf_state_tick().
wf_unix_ms wf_state_next_due(const struct wf_state *s);
// When all members know a newer schema, that is due, and the command raises the state to it.
struct wf_state_bytes wf_state_tick(struct wf_state *s);

// The newest schema that the programs of all members know, this node's included, as far as a leader
// has heard; 0: not all have told.
uint32_t wf_state_knows(const struct wf_state *s); // this program's
void wf_state_all_know(struct wf_state *s, uint32_t schema);

// Images: begin pins the state as of now (a read transaction on an own connection), write copies it
// to path off the consensus thread, fsyncs it and reports size and SHA-256 of the file; end lets
// go. Where path holds an older image only what differs is written.
struct wf_state_image;
int wf_state_image_begin(struct wf_state *s, struct wf_state_image **out, struct wf_err *err);
int wf_state_image_write(struct wf_state_image *image, const char *path, uint64_t *size,
                         uint8_t hash[WF_HASH_SIZE], struct wf_err *err);
uint64_t wf_state_image_index(const struct wf_state_image *image);
void wf_state_image_digest(const struct wf_state_image *image, uint8_t out[WF_HASH_SIZE]);
void wf_state_image_end(struct wf_state_image *image);

// Replace the state by the image file, after checking it (integrity, chain head, schema); its index
// may be lower. Open readers notice and follow. On failure the state is as it was.
int wf_state_install(struct wf_state *s, const char *path, struct wf_err *err);

// The same in two steps. take is the long one, for a pool thread: it copies through a connection of
// its own, so that readers see the new state when it returns. Meanwhile the owner applies nothing;
// what it asks of s is still the old state's, and no image of s can be begun (UNAVAILABLE). adopt
// is the owner's, and quick: s goes on from what was taken.
int wf_state_take(struct wf_state *s, const char *path, struct wf_err *err);
int wf_state_adopt(struct wf_state *s, struct wf_err *err);

// Write back what can be checkpointed; called from a pool thread with a connection of its own.
int wf_state_checkpoint(const char *dir, struct wf_err *err);

// --- reading ------------------------------------------------------------------------------------

int wf_state_reader_open(struct wf_state_reader **out, const struct wf_state *s,
                         struct wf_err *err);
void wf_state_reader_close(struct wf_state_reader *r);

// The index the reader sees now.
int wf_state_reader_applied(struct wf_state_reader *r, uint64_t *index, struct wf_err *err);

// Hold on to what the reader sees now, until unpin: what is asked in between is answered as of
// *index. digest is the state's then: another one at the same index is another state (one that was
// replaced). For a turn of the loop, no longer: checkpoints wait for it.
int wf_state_reader_pin(struct wf_state_reader *r, uint64_t *index, uint8_t digest[WF_HASH_SIZE],
                        struct wf_err *err);
void wf_state_reader_unpin(struct wf_state_reader *r);

// Answer a reading request: request is e.g. GetIncidentRequest; *response is allocated with the
// default allocator and freed by the caller with protobuf_c_message_free_unpacked(). The `read`
// field is left to the caller. Handles every read method of IncidentService, LogService
// (ListEvents, Search) and AccessService (ListTokens, ListUsers, ListAudit), CheckDraft
// included. Whether the caller may see the answer is not looked at here. Search first catches its
// index up, on this thread, within bounds.
int wf_state_query(struct wf_state_reader *r, const ProtobufCMessage *request,
                   ProtobufCMessage **response, struct wf_err *err);

// Events after after_seq, in order, at most max, of one incident or all (""): the watch streams'
// and exports' source. each() gets the canonical bytes and the hash, and stops by returning false.
int wf_state_events(struct wf_state_reader *r, const char *incident_id, uint64_t after_seq,
                    unsigned max,
                    bool (*each)(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                                 const uint8_t hash[WF_HASH_SIZE]),
                    void *ctx, struct wf_err *err);

// Whether the record has the removal of a member of that name.
int wf_state_member_removed(struct wf_state_reader *r, const char *name, bool *removed,
                            struct wf_err *err);

// Check the chain from the first event on. *broken_seq is 0 when it holds. progress may be NULL.
int wf_state_verify(struct wf_state_reader *r, uint64_t *events, uint64_t *broken_seq,
                    uint8_t head[WF_HASH_SIZE], struct wf_err *err);

// Who a caller is. WF_NOT_FOUND for an unknown user; for tokens also when revoked or expired at now
// (UNAUTHENTICATED, the reason says which).
struct wf_principal {
    char name[64];
    char display_name[121];
    int kind; // watchfire.v1.ActorKind
    int role; // watchfire.v1.Role
    char token_id[24];
    char scopes[8][32]; // services; n_scopes 0: all
    int n_scopes;
    wf_unix_ms last_used; // of the token; 0: never
};
int wf_state_user(struct wf_state_reader *r, const char *name, struct wf_principal *out,
                  struct wf_err *err);
int wf_state_token(struct wf_state_reader *r, const uint8_t secret_hash[WF_HASH_SIZE],
                   wf_unix_ms now, struct wf_principal *out, struct wf_err *err);

#endif
