// SPDX-License-Identifier: Apache-2.0
// The files of a machine. What was written and what was synced are kept apart: the writes since the
// last sync stand in a list, and a power cut loses, tears or misplaces any of them. A process that
// is killed loses nothing, since the page cache lives on.
//
// A path is "<life>/<name>": only the life that is up reaches the machine's files. A file that is
// open outlives its name, as a POSIX inode does; so a dead process goes on with files that nobody
// else sees, and harms nothing.
#ifndef WF_TESTS_SIM_FILES_H
#define WF_TESTS_SIM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_SHM_LOCKS = 8, SIM_SHM_REGIONS = 64 };

struct sim;
struct life;
struct server;

struct sim_file {
    struct sim_file *next;
    char name[160];
    unsigned open;    // handles
    bool linked;      // it has a name
    bool named;       // and the name is durable
    uint8_t *data;    // as written
    size_t len, cap;  //
    uint8_t *kept;    // as synced
    size_t kept_len;  //
    uint8_t *changes; // since then: struct change and its bytes, one after the other
    size_t changes_len, changes_cap;
    // SQLite's locks, and the shared memory beside a WAL (vfs.c)
    unsigned shared;
    const void *reserved, *exclusive;
    unsigned shm_shared[SIM_SHM_LOCKS];
    const void *shm_exclusive[SIM_SHM_LOCKS];
    void *shm[SIM_SHM_REGIONS];
    unsigned shm_users;
};

// The file of that path, made at need; NULL when there is none, or its life is over.
struct sim_file *sim_file_at(struct sim *s, const char *path, bool make);
// The life that a path begins with; NULL when it is over.
struct life *sim_path_life(struct sim *s, const char *path);
void sim_file_unlink(struct server *v, struct sim_file *f);
void sim_file_release(struct sim_file *f); // a handle was closed

void sim_file_write(struct sim_file *f, uint64_t at, const void *data, size_t n);
void sim_file_truncate(struct sim_file *f, uint64_t len);
void sim_file_sync(struct sim_file *f);

// The machine's processes are gone. power: so is what was not synced, or some of it.
void sim_files_crash(struct server *v, bool power);
void sim_files_free(struct server *v);
uint64_t sim_files_bytes(const struct server *v);

// SQLite on these files, as the default of this process.
void sim_vfs_install(struct sim *s);

#endif
