// SPDX-License-Identifier: Apache-2.0
// What an SQLite VFS of ours has in common with the others: it passes everything on to the VFS
// under it, but for the methods of its files that it is there for.
#ifndef WF_STATE_PASS_VFS_H
#define WF_STATE_PASS_VFS_H

#include <sqlite3.h>
#include <stdbool.h>

// A file of such a VFS; the file of the VFS under it follows in memory.
struct wf_pass_file {
    sqlite3_file base;
    sqlite3_file *real;
    int flags;   // it was opened with
    bool summed; // sums_vfs.c's: its pages have sums
};

struct wf_pass_vfs {
    sqlite3_vfs vfs;
    sqlite3_vfs *under;
    sqlite3_io_methods methods;       // of files whose real ones have shared memory
    sqlite3_io_methods methods_alone; // of others: the same, of version 1
};

static inline sqlite3_file *wf_pass_real(sqlite3_file *f)
{
    return ((struct wf_pass_file *)f)->real;
}

// Fill p and register it: with own's methods where they are set, and those that pass on elsewhere.
// Files are not mapped. name is a literal; under NULL is the default VFS. p is static. False when
// SQLite is out of memory.
bool wf_pass_vfs_register(struct wf_pass_vfs *p, const char *name, sqlite3_vfs *under,
                          const sqlite3_io_methods *own);

#endif
