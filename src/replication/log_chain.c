// SPDX-License-Identifier: Apache-2.0
#include "replication/log_chain.h"

#include "base/assert.h"

void wf_chain_record(const uint8_t previous[WF_HASH_SIZE], uint64_t index,
                     const struct wf_record *record, uint8_t out[WF_HASH_SIZE])
{
    WF_ASSERT(index > 0 && record->data.data != NULL);
    struct wf_hash h;
    wf_hash_init(&h);
    wf_hash_update(&h, previous, WF_HASH_SIZE);
    wf_hash_u64(&h, index);
    wf_hash_u64(&h, record->term);
    wf_hash_u64(&h, record->type);
    wf_hash_u64(&h, record->data.len);
    wf_hash_update(&h, record->data.data, record->data.len);
    wf_hash_final(&h, out);
}

void wf_chain_anchor(const struct wf_manifest *manifest, uint8_t out[WF_HASH_SIZE])
{
    struct wf_hash h;
    wf_hash_init(&h);
    wf_hash_u64(&h, manifest->index);
    wf_hash_u64(&h, manifest->term);
    wf_hash_u64(&h, manifest->data.len);
    wf_hash_update(&h, manifest->data.data, manifest->data.len);
    wf_hash_final(&h, out);
}
