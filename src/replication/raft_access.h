// SPDX-License-Identifier: Apache-2.0
// The one place that reads and writes the fields of libraft 0.15's public structs;
// tests/lint/raft.sh holds the rest of the folder to it. When libraft changes its structs, this
// file is what changes.
//
// Consensus thread only. Indexes and terms are libraft's.
#ifndef WF_REPLICATION_RAFT_ACCESS_H
#define WF_REPLICATION_RAFT_ACCESS_H

#include <raft.h>
#include <stdbool.h>
#include <stdint.h>

#include "replication/log_store.h"

// --- terms and indexes -------------------------------------------------------------------------
uint64_t wf_raft_term(const struct raft *r);
uint64_t wf_raft_vote(const struct raft *r);
uint64_t wf_raft_commit(const struct raft *r);
uint64_t wf_raft_stored(const struct raft *r);
uint64_t wf_raft_applied(const struct raft *r);
// What libraft has already stored durably through our raft_io: only its own copy is set.
void wf_raft_set_term_vote(struct raft *r, uint64_t term, uint64_t vote);
void wf_raft_set_stored(struct raft *r, uint64_t index);

// --- the log in memory -------------------------------------------------------------------------
uint64_t wf_raft_last(const struct raft *r);           // last index, 0 for none
uint64_t wf_raft_first(const struct raft *r);          // first index held; last + 1 when empty
uint64_t wf_raft_snapshot_index(const struct raft *r); // of the last snapshot
void wf_raft_set_snapshot_term(struct raft *r, uint64_t term);
uint64_t wf_raft_term_of(const struct raft *r, uint64_t index); // 0: not known
// The entry at index; its bytes are libraft's. False when it is not held.
bool wf_raft_entry(const struct raft *r, uint64_t index, struct wf_record *out);

// --- role and timers ---------------------------------------------------------------------------
unsigned short wf_raft_state(const struct raft *r);
uint64_t wf_raft_leader_id(const struct raft *r);                  // 0: none known
void wf_raft_forget_leader(struct raft *r);                        // requires a follower
bool wf_raft_timer_expired(const struct raft *r, uint64_t now_ms); // requires follower or candidate
void wf_raft_expire_timer(struct raft *r);                         // the same
uint64_t wf_raft_silence(const struct raft *r, uint64_t now_ms);   // ms since the timer was reset
unsigned wf_raft_election_timeout(const struct raft *r);
void wf_raft_restart_candidacy(struct raft *r); // requires a candidate: back to a polite pre-vote
bool wf_raft_transferring(const struct raft *r);
void wf_raft_end_transfer(struct raft *r); // requires a follower or candidate; fires its callback

// --- snapshots ---------------------------------------------------------------------------------
bool wf_raft_snapshotting(const struct raft *r); // taking one or installing one

// --- membership --------------------------------------------------------------------------------
const struct raft_configuration *wf_raft_configuration(const struct raft *r);
uint64_t wf_raft_configuration_index(const struct raft *r);
uint64_t wf_raft_configuration_uncommitted(const struct raft *r);
void wf_raft_clear_uncommitted(struct raft *r);
int wf_raft_role(const struct raft *r, uint64_t id); // -1: not a member
bool wf_raft_set_role(struct raft *r, uint64_t id, int role);
// Derive the configuration anew from the log below limit and the commit index; base is what was in
// force before the first entry held. WF_OK, or WF_RESOURCE_EXHAUSTED or WF_DATA_LOSS (undecodable).
int wf_raft_reconfigure(struct raft *r, uint64_t limit, const struct wf_manifest *base);

// --- the leader's view of the others -----------------------------------------------------------
struct wf_raft_progress {
    uint64_t match, next;
    bool probing, snapshotting;
};
// False when id is no member or this is no leader.
bool wf_raft_progress_of(const struct raft *r, uint64_t id, struct wf_raft_progress *out);
void wf_raft_set_match(struct raft *r, uint64_t id, uint64_t match); // requires leader and member
// The follower is past the snapshot that libraft believes to be on its way: go on with entries.
void wf_raft_probe(struct raft *r, uint64_t id);   // requires leader and member
bool wf_raft_change_pending(const struct raft *r); // requires leader

#endif
