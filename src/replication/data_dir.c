// SPDX-License-Identifier: Apache-2.0
#include "replication/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct wf_err *err, const char *what, const char *path)
{
    return wf_fail_errno(err, errno, "cannot %s the data directory %s", what, path);
}

static int check(const char *path, struct wf_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return fail(err, "open", path);
    if (!S_ISDIR(st.st_mode))
        return wf_fail(err, WF_FAILED_PRECONDITION, "the data directory %s is not a directory",
                       path);
    if (st.st_uid != geteuid())
        return wf_fail(err, WF_PERMISSION_DENIED,
                       "the data directory %s belongs to user %u, and this process runs as %u: "
                       "run it as the owner, or chown the directory",
                       path, st.st_uid, geteuid());
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return wf_fail(err, WF_PERMISSION_DENIED,
                       "the data directory %s is open to other users (mode %04o): run chmod 700 %s",
                       path, st.st_mode & 07777, path);
    return WF_OK;
}

// Who has the lock, as far as the file tells.
static int in_use(int fd, const char *path, struct wf_err *err)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    if (pid <= 0)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "IN_USE",
                              "the data directory %s is in use by another process", path);
    return wf_fail_reason(err, WF_FAILED_PRECONDITION, "IN_USE",
                          "the data directory %s is in use by process %ld: stop that one first",
                          path, pid);
}

// For a person, and for the message of the next one who wants the lock; over the last one's, whose
// block might be gone once it was given back. A full disk is no failure: who holds the lock is to
// wait for room.
static int write_pid(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    for (int put = 0; put < n;) {
        ssize_t w = pwrite(fd, text + put, (size_t)(n - put), put);
        if (w >= 0)
            put += (int)w;
        else if (errno == ENOSPC)
            return ftruncate(fd, 0);
        else if (errno != EINTR)
            return -1;
    }
    return ftruncate(fd, n);
}

static int lock(struct wf_data_dir *d, const char *path, struct wf_err *err)
{
    char file[4096];
    if (snprintf(file, sizeof file, "%s/lock", path) >= (int)sizeof file)
        return wf_fail(err, WF_INVALID_ARGUMENT, "the data directory's path is too long");
    d->lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock < 0)
        return fail(err, "lock", path);
    if (flock(d->lock, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? in_use(d->lock, path, err) : fail(err, "lock", path);
    return write_pid(d->lock) == 0 ? WF_OK : fail(err, "write to", path);
}

int wf_data_dir_open(struct wf_data_dir *d, const char *path, bool create, struct wf_err *err)
{
    d->lock = -1;
    if (create && mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail(err, "create", path);
    int rc = check(path, err);
    if (rc == WF_OK)
        rc = lock(d, path, err);
    if (rc != WF_OK)
        wf_data_dir_close(d);
    return rc;
}

void wf_data_dir_close(struct wf_data_dir *d)
{
    // The file stays: removing it would let a third process lock another one of the same name.
    if (d->lock >= 0)
        close(d->lock);
    d->lock = -1;
}
