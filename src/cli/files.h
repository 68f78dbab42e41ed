// SPDX-License-Identifier: Apache-2.0
// Files as the command line writes and reads them: whole, or not at all. Any thread.
#ifndef WF_CLI_FILES_H
#define WF_CLI_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/result.h"

// Write the file whole under a temporary name, fsync it and put it in place. Unless force, a file
// that is there stays: ALREADY_EXISTS.
int wf_file_write(const char *path, const void *data, size_t len, mode_t mode, bool force,
                  struct wf_err *err);

// Make the directory and those above it.
int wf_file_mkdirs(const char *path, mode_t mode, struct wf_err *err);

// Read all of it into out (initialised by the caller; its ceiling is the limit). "-" is in.
int wf_file_read(const char *path, FILE *in, struct wf_buf *out, struct wf_err *err);

// A file that grows under a temporary name: begin, then commit or abort. commit fsyncs file and
// directory and puts it in place under the rules of wf_file_write.
struct wf_file_draft {
    FILE *f;
    char *path, *temp;
};
int wf_file_begin(struct wf_file_draft *d, const char *path, mode_t mode, struct wf_err *err);
int wf_file_commit(struct wf_file_draft *d, bool force, struct wf_err *err);
void wf_file_abort(struct wf_file_draft *d);

#endif
