// SPDX-License-Identifier: Apache-2.0
// Where a node's raft log, term, vote, snapshot manifest and identity are kept. log_store_sqlite.c
// is the real one; the simulator brings a disk of its own that loses what was not synced.
//
// Consensus thread only; an implementation may work on a thread of its own, and completes on the
// loop. Everything asynchronous is carried out and completed in the order asked, never inside the
// call.
//
// Fail-stop: a store that cannot write calls the completion at hand with an error once, and
// completes nothing after it. The node then ends through on_fatal; nobody retries a failed write or
// fsync.
#ifndef WF_REPLICATION_LOG_STORE_H
#define WF_REPLICATION_LOG_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/result.h"
#include "replication/fsm.h"

enum { WF_UUID_SIZE = 16 };

// libraft's numbers.
enum wf_record_type { WF_RECORD_COMMAND = 1, WF_RECORD_BARRIER = 2, WF_RECORD_CHANGE = 3 };

// One entry of the log. The index goes beside it.
struct wf_record {
    uint64_t term;
    enum wf_record_type type;
    struct wf_bytes data; // opaque; never NULL, but may be empty
};

// A raft snapshot as this design has it: not the state, but a manifest that names the image, and
// the configuration that was in force at index.
struct wf_manifest {
    uint64_t index;
    uint64_t term; // of the entry at index
    uint64_t configuration_index;
    struct wf_bytes configuration; // as libraft encodes it
    struct wf_bytes data;          // the manifest, opaque here
};

// Who this store belongs to; written once, when it is created.
struct wf_node_identity {
    uint8_t cluster_id[WF_UUID_SIZE];
    uint64_t incarnation; // of the cluster: 1 by bootstrap, raised by every recovery from lost
                          // quorum; 0: not yet known
    uint64_t node_id;     // a joining node is given its id by the leader before its store is made
    char name[WF_NODE_NAME_MAX + 1];
    uint8_t disk_id[WF_UUID_SIZE]; // random, made with the store: a wiped disk has another one
};

// What load found beside the records.
struct wf_log_state {
    uint64_t term;
    uint64_t vote;               // 0: none in this term
    struct wf_manifest manifest; // index 0: none; its bytes stay valid until the store is closed or
                                 // the next snapshot_put
    uint64_t first_index;        // of the records: manifest.index + 1 or less; 1 for a new store
};

typedef void (*wf_store_cb)(void *arg, const struct wf_err *err); // err is NULL when it is durable

struct wf_log_store {
    void *ctx;

    void (*identity)(void *ctx, struct wf_node_identity *out);

    // Hand over the state, then every record in order through each (its data is valid in the call).
    // Checks the hash chain over (index, term, type, previous hash, data) as it goes. A record that
    // was once durable and cannot be read: WF_DATA_LOSS, nothing is cut off. Once, before anything
    // else below.
    int (*load)(void *ctx, struct wf_log_state *out,
                int (*each)(void *arg, uint64_t index, const struct wf_record *record), void *arg,
                struct wf_err *err);

    // Durable before return. vote is 0 for a new term.
    int (*set_vote)(void *ctx, uint64_t term, uint64_t vote, struct wf_err *err);

    // Add n records from index first on. Requires first == last index + 1, counting what was asked
    // before. The records' data stays valid until cb; the array only in the call.
    void (*append)(void *ctx, uint64_t first, const struct wf_record *records, unsigned n,
                   wf_store_cb cb, void *arg);

    // Drop all records from index on.
    void (*truncate)(void *ctx, uint64_t index, wf_store_cb cb, void *arg);

    // Store the manifest (copied) in place of the one before, in one transaction with dropping the
    // records below first_kept. WF_KEEP_NONE drops all of them; the next append is then
    // manifest->index + 1.
    void (*snapshot_put)(void *ctx, const struct wf_manifest *manifest, uint64_t first_kept,
                         wf_store_cb cb, void *arg);

    // A new cluster: term 1, and one WF_RECORD_CHANGE at index 1. Requires an empty log; durable
    // before return; before load.
    int (*bootstrap)(void *ctx, struct wf_bytes configuration, struct wf_err *err);

    // Lost quorum, by hand: append a WF_RECORD_CHANGE of the store's term and raise the
    // incarnation. Durable before return; before load.
    int (*recover)(void *ctx, struct wf_bytes configuration, struct wf_err *err);

    // A joining node does not know the incarnation (it has 0) until the first member talks to it.
    // Durable before return. Requires that it has 0 and incarnation is not.
    int (*adopt)(void *ctx, uint64_t incarnation, struct wf_err *err);

    // A peer showed this disk_id. The first one seen is remembered (durable before return); later
    // another one is WF_FAILED_PRECONDITION with reason DISK_CHANGED: a wiped node under an old id
    // has forgotten its votes.
    int (*check_peer)(void *ctx, uint64_t peer, const uint8_t disk_id[WF_UUID_SIZE],
                      struct wf_err *err);

    // Complete everything asked, then call done and close. The struct stays the creator's.
    void (*close)(void *ctx, void (*done)(void *arg), void *arg);
};

#define WF_KEEP_NONE UINT64_MAX

#endif
