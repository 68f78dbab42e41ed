// SPDX-License-Identifier: Apache-2.0
// A log store on disk, in a directory of its own, driven by a loop that runs until what was asked
// is answered. Record i of a test log holds a text that tells its index.
#ifndef WF_TESTS_STORE_FIXTURE_H
#define WF_TESTS_STORE_FIXTURE_H

#include <uv.h>

#include "replication/log_store_sqlite.h"

struct fixture {
    char dir[64];
    uv_loop_t loop;
    struct wf_log_store *store;
    struct wf_log_state state;
    uint64_t loaded;  // records shown by load
    uint64_t last;    // last index asked to be appended
    uint64_t durable; // last index answered
    unsigned failures;
    int answered;  // truncate and snapshot_put not yet answered
    void *waiting; // appends not yet answered
    struct wf_err err;
};

// A new directory in memory where there is such a file system: these tests sync thousands of times,
// and none of them cuts the power.
void temporary_dir(char out[64]);

// Make the directory and, in it, a store for node 1 of a test cluster.
void fixture_init(struct fixture *f);
// Remove the directory; the store must be closed.
void fixture_done(struct fixture *f);

// Open and load, checking the content of every record shown. Returns the code of open or load;
// after WF_DATA_LOSS of load the store is open.
int fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

// Ask for n records of the given size (at least 32) in the term. fixture_wait() runs the loop until
// all is answered, or a failure is.
void fixture_append(struct fixture *f, uint64_t term, unsigned n, size_t size);
void fixture_truncate(struct fixture *f, uint64_t index);
void fixture_snapshot(struct fixture *f, uint64_t index, uint64_t first_kept);
void fixture_install(struct fixture *f, const struct wf_manifest *m); // an image; waits
void fixture_wait(struct fixture *f);

// Copy the files of one directory over those of another.
void copy_dir(const char *from, const char *to);
void remove_files(const char *dir);

#endif
