// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), by libcrypto. The event log, the raft log, images and digests are chained
// and named with it.
#ifndef WF_BASE_HASH_H
#define WF_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { WF_HASH_SIZE = 32, WF_HASH_HEX_SIZE = 65 };

// Incremental: init, update any number of times, final once. A value may be copied half-way.
// Running out of memory at init is the only failure there is, and ends the process: nothing goes on
// without its hashes.
struct wf_hash {
    void *ctx; // EVP_MD_CTX
};

void wf_hash_init(struct wf_hash *h);
void wf_hash_update(struct wf_hash *h, const void *data, size_t n);
void wf_hash_u64(struct wf_hash *h, uint64_t v); // eight bytes, little-endian
void wf_hash_final(struct wf_hash *h, uint8_t out[WF_HASH_SIZE]);

// One-shot over two runs of bytes (the second may be empty): hash(a || b), the chain's step.
void wf_hash_pair(const void *a, size_t an, const void *b, size_t bn, uint8_t out[WF_HASH_SIZE]);

// Lower-case hexadecimal of n bytes; out holds 2n + 1. Returns out.
char *wf_hex(const uint8_t *data, size_t n, char *out);

// Parse exactly 2n hexadecimal digits, either case. Returns WF_OK or WF_INVALID_ARGUMENT.
int wf_unhex(const char *s, uint8_t *out, size_t n);

#endif
