// SPDX-License-Identifier: Apache-2.0
// A raft entry of ours: all the commands that waited in one turn, with the index the entry must
// get. Pure.
//
// Bytes: u8 version 1, u64 index, i64 time, u32 count, then each command as u32 length and bytes.
#ifndef WF_REPLICATION_BATCH_H
#define WF_REPLICATION_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "replication/fsm.h"

enum { WF_BATCH_HEADER = 21, WF_BATCH_PER_COMMAND = 4 };

// Write the header; out has WF_BATCH_HEADER bytes.
void wf_batch_put_header(uint8_t *out, uint64_t index, wf_unix_ms time, uint32_t n);

// Write one command at out, which has room for it; returns where the next one goes.
uint8_t *wf_batch_put_command(uint8_t *out, struct wf_bytes command);

// Decode an entry; out->commands is set to commands, which has room for WF_ENTRY_COMMANDS_MAX. term
// is left alone. WF_DATA_LOSS when the bytes are not a batch.
int wf_batch_decode(struct wf_bytes in, struct wf_bytes *commands, struct wf_batch *out);

#endif
