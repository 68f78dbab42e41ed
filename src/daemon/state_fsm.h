// SPDX-License-Identifier: Apache-2.0
// The state machine as replication sees it: wf_state behind struct wf_fsm. Consensus thread, except
// image_write.
#ifndef WF_DAEMON_STATE_FSM_H
#define WF_DAEMON_STATE_FSM_H

#include "base/metrics.h"
#include "replication/fsm.h"
#include "state/state.h"

// The owner embeds it; state outlives it.
struct wf_state_fsm {
    struct wf_fsm fsm; // hand out &fsm
    struct wf_state *state;
    uint64_t bytes; // of commands applied
    struct wf_metric *apply_seconds, *batch_commands, *image_seconds, *image_bytes;
};

void wf_state_fsm_init(struct wf_state_fsm *f, struct wf_state *state, struct wf_metrics *metrics);

#endif
