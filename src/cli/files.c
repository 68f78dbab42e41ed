// SPDX-License-Identifier: Apache-2.0
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

static int errno_fail(struct wf_err *err, const char *what, const char *path)
{
    int e = errno;
    return wf_fail(err, wf_code_from_errno(e), "cannot %s %s: %s", what, path, strerror(e));
}

static void draft_free(struct wf_file_draft *d)
{
    free(d->path);
    free(d->temp);
    *d = (struct wf_file_draft){0};
}

int wf_file_begin(struct wf_file_draft *d, const char *path, mode_t mode, struct wf_err *err)
{
    *d = (struct wf_file_draft){.path = strdup(path)};
    if (!d->path || asprintf(&d->temp, "%s.XXXXXX", path) < 0) {
        d->temp = NULL;
        draft_free(d);
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    }
    int fd = mkstemp(d->temp);
    if (fd < 0) {
        int rc = errno_fail(err, "write", path);
        draft_free(d);
        return rc;
    }
    if (fchmod(fd, mode) != 0 || !(d->f = fdopen(fd, "w"))) {
        int rc = errno_fail(err, "write", path);
        close(fd);
        unlink(d->temp);
        draft_free(d);
        return rc;
    }
    return WF_OK;
}

void wf_file_abort(struct wf_file_draft *d)
{
    if (d->f)
        fclose(d->f);
    if (d->temp)
        unlink(d->temp);
    draft_free(d);
}

static int sync_directory(const char *path, struct wf_err *err)
{
    char *copy = strdup(path);
    if (!copy)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? WF_OK : errno_fail(err, "sync the directory of", path);
    if (fd >= 0)
        close(fd);
    free(copy);
    return rc;
}

// Without force the name is taken by link(2), which never replaces what is there.
static int put_in_place(const struct wf_file_draft *d, bool force, struct wf_err *err)
{
    if (force ? rename(d->temp, d->path) == 0 : link(d->temp, d->path) == 0)
        return sync_directory(d->path, err);
    if (errno == EEXIST)
        return wf_fail(err, WF_ALREADY_EXISTS,
                       "%s is there already: nothing was changed; "
                       "--force replaces it",
                       d->path);
    return errno_fail(err, "write", d->path);
}

int wf_file_commit(struct wf_file_draft *d, bool force, struct wf_err *err)
{
    WF_ASSERT(d->f);
    int rc =
        fflush(d->f) == 0 && fsync(fileno(d->f)) == 0 ? WF_OK : errno_fail(err, "write", d->path);
    if (rc == WF_OK)
        rc = put_in_place(d, force, err);
    wf_file_abort(d); // what is in place stays: only the temporary name goes
    return rc;
}

int wf_file_write(const char *path, const void *data, size_t len, mode_t mode, bool force,
                  struct wf_err *err)
{
    struct wf_file_draft d;
    int rc = wf_file_begin(&d, path, mode, err);
    if (rc != WF_OK)
        return rc;
    if (fwrite(data, 1, len, d.f) != len) {
        rc = errno_fail(err, "write", path);
        wf_file_abort(&d);
        return rc;
    }
    return wf_file_commit(&d, force, err);
}

int wf_file_mkdirs(const char *path, mode_t mode, struct wf_err *err)
{
    char *copy = strdup(path);
    if (!copy)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    int rc = WF_OK;
    for (char *p = copy + 1; rc == WF_OK && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            rc = errno_fail(err, "make the directory", copy);
        *p = '/';
    }
    if (rc == WF_OK && mkdir(path, mode) != 0 && errno != EEXIST)
        rc = errno_fail(err, "make the directory", path);
    free(copy);
    return rc;
}

int wf_file_read(const char *path, FILE *in, struct wf_buf *out, struct wf_err *err)
{
    bool std = strcmp(path, "-") == 0;
    FILE *f = std ? in : fopen(path, "re");
    if (!f)
        return errno_fail(err, "read", path);
    char chunk[4096];
    size_t n;
    int rc = WF_OK;
    while (rc == WF_OK && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        if (wf_buf_append(out, chunk, n) != WF_OK)
            rc = wf_fail(err, WF_INVALID_ARGUMENT, "%s is longer than %zu bytes",
                         std ? "standard input" : path, out->max);
    if (rc == WF_OK && ferror(f))
        rc = errno_fail(err, "read", path);
    if (!std)
        fclose(f);
    return rc;
}
