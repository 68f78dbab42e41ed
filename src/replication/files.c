// SPDX-License-Identifier: Apache-2.0
// struct wf_files (env.h) on the local file system.
#include "replication/env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

static int fail(struct wf_err *err, const char *what, const char *path)
{
    return wf_fail_errno(err, errno, "cannot %s %s", what, path);
}

static int files_size(void *ctx, const char *path, uint64_t *out, struct wf_err *err)
{
    struct stat st;
    (void)ctx;
    if (stat(path, &st) != 0)
        return fail(err, "look at", path);
    *out = (uint64_t)st.st_size;
    return WF_OK;
}

static int files_read(void *ctx, const char *path, uint64_t offset, void *out, size_t n,
                      struct wf_err *err)
{
    (void)ctx;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, "open", path);
    int rc = WF_OK;
    for (size_t got = 0; got < n && rc == WF_OK;) {
        ssize_t r = pread(fd, (char *)out + got, n - got, (off_t)(offset + got));
        if (r > 0)
            got += (size_t)r;
        else if (r == 0)
            rc = wf_fail(err, WF_OUT_OF_RANGE, "%s ends before byte %llu", path,
                         (unsigned long long)(offset + n));
        else if (errno != EINTR)
            rc = fail(err, "read", path);
    }
    close(fd);
    return rc;
}

static int files_write(void *ctx, const char *path, uint64_t offset, const void *data, size_t n,
                       struct wf_err *err)
{
    (void)ctx;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(err, "create", path);
    int rc = WF_OK;
    for (size_t put = 0; put < n && rc == WF_OK;) {
        ssize_t w = pwrite(fd, (const char *)data + put, n - put, (off_t)(offset + put));
        if (w >= 0)
            put += (size_t)w;
        else if (errno != EINTR)
            rc = fail(err, "write", path);
    }
    if (close(fd) != 0 && rc == WF_OK)
        rc = fail(err, "write", path);
    return rc;
}

static int sync_path(const char *path, int flags, struct wf_err *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return fail(err, "open", path);
    int rc = fsync(fd) == 0 ? WF_OK : fail(err, "sync", path);
    close(fd);
    return rc;
}

static int files_publish(void *ctx, const char *from, const char *to, struct wf_err *err)
{
    char dir[4096];
    (void)ctx;
    const char *slash = strrchr(to, '/');
    int n = slash ? (int)(slash - to) : 1;
    if ((size_t)n >= sizeof dir)
        return wf_fail(err, WF_INVALID_ARGUMENT, "the path %s is too long", to);
    snprintf(dir, sizeof dir, "%.*s", n ? n : 1, slash ? to : ".");
    int rc = sync_path(from, O_RDONLY, err);
    if (rc == WF_OK && rename(from, to) != 0)
        rc = fail(err, "rename a file to", to);
    return rc == WF_OK ? sync_path(dir, O_RDONLY | O_DIRECTORY, err) : rc;
}

static int files_remove(void *ctx, const char *path, struct wf_err *err)
{
    (void)ctx;
    return unlink(path) == 0 || errno == ENOENT ? WF_OK : fail(err, "remove", path);
}

static int files_list(void *ctx, const char *dir, void (*each)(void *arg, const char *name),
                      void *arg, struct wf_err *err)
{
    (void)ctx;
    DIR *d = opendir(dir);
    if (!d)
        return fail(err, "list", dir);
    struct dirent *e;
    while ((errno = 0, e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            each(arg, e->d_name);
    int rc = errno == 0 ? WF_OK : fail(err, "list", dir);
    closedir(d);
    return rc;
}

const struct wf_files wf_files_posix = {
    .size = files_size,
    .read = files_read,
    .write = files_write,
    .publish = files_publish,
    .remove = files_remove,
    .list = files_list,
};
