// SPDX-License-Identifier: Apache-2.0
// An SQLite VFS whose n-th write, sync, truncation or deletion fails, once or from then on. While
// it is installed it is the default one.
#ifndef WF_TESTS_FAILING_VFS_H
#define WF_TESTS_FAILING_VFS_H

#include <stdbool.h>

void failing_vfs_install(void);
void failing_vfs_remove(void);

// Count from now on; the n-th operation fails with code (SQLITE_FULL, SQLITE_IOERR_FSYNC ...), and
// with always all after it. n = 0: none fails.
void failing_vfs_arm(int n, int code, bool always);
// How many operations there were since; whether one failed.
int failing_vfs_count(void);
bool failing_vfs_failed(void);

// While held, every sync hangs, as on a disk that does not answer.
void failing_vfs_hold(void);
void failing_vfs_let_go(void);

#endif
