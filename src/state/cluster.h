// SPDX-License-Identifier: Apache-2.0
// What nodes put on the record: the birth of the cluster, changes of members, and that time has
// come.
//
// Decided here:
// - Genesis is done once, by the first node, and names at least one admin who is a person.
// - A tick does what is due at its time, in the order of due times and then of incidents; it has no
//   events when nothing is. At most WF_EXPIRE_STEP remembered ids are dropped at a time.
// - A migration changes the tables in its own transaction. A node whose program does not know the
//   schema stops there; one that has it already refuses, since two leaders may have asked.
// - These commands are refused to everybody but nodes; nodes are refused everything else.
#ifndef WF_STATE_CLUSTER_H
#define WF_STATE_CLUSTER_H

#include "state/machine.h"

void wf_cluster_genesis(struct wf_op *op, const INTERNAL(GenesisCommand) * c);
void wf_cluster_member(struct wf_op *op, const INTERNAL(MemberCommand) * c);
void wf_cluster_migrate(struct wf_op *op, const INTERNAL(MigrateCommand) * c);
void wf_cluster_tick(struct wf_op *op);

// When a tick next has something to do; INT64_MAX: never.
wf_unix_ms wf_cluster_due(struct wf_state *s);

#endif
