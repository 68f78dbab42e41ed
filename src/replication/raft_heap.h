// SPDX-License-Identifier: Apache-2.0
// libraft's memory. It does not survive that it gets none (B34 of docs/libraft.md): the process
// ends instead, with a line. What we make for it to take over may fail, and so is malloc'd, not
// raft_malloc'd; raft_free frees either.
#ifndef WF_REPLICATION_RAFT_HEAP_H
#define WF_REPLICATION_RAFT_HEAP_H

// From here on, in the whole process. Any number of times.
void wf_raft_heap_use(void);

#endif
