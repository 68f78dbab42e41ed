// SPDX-License-Identifier: Apache-2.0
// What a raft snapshot of ours holds: the name of a state image, not the state.
//
// Bytes: u8 version 1, i64 time, then struct wf_image_info: u64 index, u64 size, hash, digest.
#ifndef WF_REPLICATION_MANIFEST_H
#define WF_REPLICATION_MANIFEST_H

#include <stdbool.h>

#include "base/clock.h"
#include "replication/fsm.h"
#include "replication/log_store.h"

enum { WF_MANIFEST_SIZE = 1 + 8 + 8 + 8 + 2 * WF_HASH_SIZE };

void wf_manifest_encode(uint8_t out[WF_MANIFEST_SIZE], wf_unix_ms time,
                        const struct wf_image_info *info);

// WF_OK or WF_DATA_LOSS.
int wf_manifest_decode(struct wf_bytes in, wf_unix_ms *time, struct wf_image_info *info);

// A manifest with bytes of its own; RESOURCE_EXHAUSTED leaves *to empty. free leaves it empty, too.
int wf_manifest_copy(const struct wf_manifest *from, struct wf_manifest *to);
void wf_manifest_free(struct wf_manifest *m);

// "<dir>/<hex of hash><suffix>". Returns WF_OK, or WF_INVALID_ARGUMENT when it does not fit.
enum { WF_IMAGE_PATH_MAX = 512 };
int wf_image_path(char out[WF_IMAGE_PATH_MAX], const char *dir, const struct wf_image_info *info,
                  const char *suffix);

#endif
