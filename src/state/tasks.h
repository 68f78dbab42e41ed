// SPDX-License-Identifier: Apache-2.0
// Tasks of an incident.
//
// Decided here: anybody with the responder role adds and changes them, in any state. An owner is a
// person known to the cluster who may take part. A closed task stays closed (TASK_CLOSED). A change
// that changes nothing is refused.
#ifndef WF_STATE_TASKS_H
#define WF_STATE_TASKS_H

#include "state/machine.h"

void wf_task_add(struct wf_op *op, const V1(AddTaskRequest) * r);
void wf_task_update(struct wf_op *op, const V1(UpdateTaskRequest) * r);

#endif
