// SPDX-License-Identifier: Apache-2.0
// The exported record and its hash chain: hash[n] = SHA-256(hash[n-1] || canonical[n]), hash[0] =
// 32 zero bytes. The checker is sans-I/O; the file is read and written through stdio. One thread.
//
// An export is the eight bytes "WFLOG\0\0\1", then per record the length of its canonical bytes
// (four bytes, little-endian), those bytes, and the 32 bytes of its hash. Nothing stands behind the
// last.
#ifndef WF_CLI_RECORD_H
#define WF_CLI_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/result.h"

struct wf_record_chain {
    uint64_t seq;               // of the last record that fits; 0: none yet
    uint8_t head[WF_HASH_SIZE]; // its hash
};

void wf_record_begin(struct wf_record_chain *chain);

// Take in the next record. DATA_LOSS, naming the seq, when it does not follow: a gap, bytes that
// are no event, a hash that is not the chain's.
int wf_record_next(struct wf_record_chain *chain, const uint8_t *canonical, size_t len,
                   const uint8_t *hash, size_t hash_len, struct wf_err *err);

int wf_record_write_head(FILE *f, struct wf_err *err);
int wf_record_write(FILE *f, const uint8_t *canonical, size_t len, const uint8_t hash[WF_HASH_SIZE],
                    struct wf_err *err);

// Check a whole export. progress(ctx, bytes) is called now and then; may be NULL.
int wf_record_verify_file(FILE *f, struct wf_record_chain *chain,
                          void (*progress)(void *ctx, uint64_t bytes), void *ctx,
                          struct wf_err *err);

#endif
