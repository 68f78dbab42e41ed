// SPDX-License-Identifier: Apache-2.0
// One command: unpack and check it, recognise a retry, find its rule, run it, pack its result.
//
// Decided here:
// - Commands that nodes make (tick, genesis, member, refusals, token use) are a node's alone, and a
//   node makes no others. INGEST may do nothing here.
// - What is malformed is refused like anything else; but a request this program does not know came
//   from a newer one, and then the node stops (FAILED_PRECONDITION) rather than diverge.
#ifndef WF_STATE_APPLY_H
#define WF_STATE_APPLY_H

#include "state/machine.h"

// Append the packed Result of the command to s->results. Returns WF_OK whatever the command came
// to; fails as wf_state_apply() does.
int wf_apply_command(struct wf_state *s, wf_unix_ms time, struct wf_state_bytes command,
                     struct wf_err *err);

// "/watchfire.v1.IncidentService/ChangeState" for the command's request.
const char *wf_method_of(const INTERNAL(Command) * cmd);

#endif
