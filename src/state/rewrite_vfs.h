// SPDX-License-Identifier: Apache-2.0
// An SQLite VFS for writing a database over an older copy of itself: a write of bytes that the file
// holds already is left out. A state image differs little from the one before the last, and a page
// that is not written is not copied by the kernel, not synced, and not in the way of the raft log.
//
// The pages get their sums (sums_vfs.h). Any thread; a file is used by one at a time.
#ifndef WF_STATE_REWRITE_VFS_H
#define WF_STATE_REWRITE_VFS_H

// The VFS's name for sqlite3_open_v2, registered at the first call; NULL when SQLite is out of
// memory.
const char *wf_rewrite_vfs(void);

#endif
