// SPDX-License-Identifier: Apache-2.0
// What ties the records of a raft log together on disk: every record's hash covers its
// predecessor's hash, its own index, term and type, and its data. A flipped, stale or misplaced
// record shows. Pure; any thread.
#ifndef WF_REPLICATION_LOG_CHAIN_H
#define WF_REPLICATION_LOG_CHAIN_H

#include "base/hash.h"
#include "replication/log_store.h"

// SHA-256 of (previous, index, term, type, length of data, data).
void wf_chain_record(const uint8_t previous[WF_HASH_SIZE], uint64_t index,
                     const struct wf_record *record, uint8_t out[WF_HASH_SIZE]);

// What the first record after an installed image is tied to; the image's own hash is in data.
void wf_chain_anchor(const struct wf_manifest *manifest, uint8_t out[WF_HASH_SIZE]);

#endif
