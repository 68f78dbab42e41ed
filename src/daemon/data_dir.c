// SPDX-License-Identifier: Apache-2.0
#include "daemon/data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

static int fail_errno(struct wf_err *err, const char *what, const char *path)
{
    int e = errno;
    const char *reason = e == EACCES || e == EPERM || e == EROFS ? "PERMISSIONS"
                         : e == ENOSPC || e == EDQUOT            ? "DISK_FULL"
                                                                 : "";
    return wf_fail_reason(err, wf_code_from_errno(e), reason, "cannot %s %s: %s", what, path,
                          strerror(e));
}

static int make(const char *path, struct wf_err *err)
{
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail_errno(err, "make", path);
    if (stat(path, &st) != 0)
        return fail_errno(err, "look at", path);
    if (!S_ISDIR(st.st_mode))
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "PERMISSIONS", "%s is no directory",
                              path);
    if (st.st_uid != geteuid())
        return wf_fail_reason(err, WF_PERMISSION_DENIED, "PERMISSIONS",
                              "%s belongs to user %u, not to %u, whom watchfired runs as", path,
                              (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & 077)
        return wf_fail_reason(err, WF_PERMISSION_DENIED, "PERMISSIONS",
                              "others can look into %s (mode %04o): chmod 0700", path,
                              (unsigned)st.st_mode & 07777);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return fail_errno(err, "use", path);
    return WF_OK;
}

static int take_lock(struct wf_data_dir *d, struct wf_err *err)
{
    char path[WF_DIR_PATH_MAX];
    snprintf(path, sizeof path, "%s/lock", d->path);
    d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock < 0)
        return fail_errno(err, "open", path);
    if (flock(d->lock, LOCK_EX | LOCK_NB) == 0)
        return WF_OK;
    int rc = errno == EWOULDBLOCK
                 ? wf_fail_reason(err, WF_FAILED_PRECONDITION, "DIR_LOCKED",
                                  "another watchfired has the data directory %s", d->path)
                 : fail_errno(err, "lock", path);
    close(d->lock);
    d->lock = -1;
    return rc;
}

// What a backup under way has left behind when the process was killed.
static void remove_leftovers(const struct wf_data_dir *d)
{
    DIR *dir = opendir(d->images);
    struct dirent *e;
    while (dir && (e = readdir(dir)) != NULL)
        if (strncmp(e->d_name, "backup-", 7) == 0)
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
}

int wf_data_dir_open(struct wf_data_dir *d, const char *path, struct wf_err *err)
{
    char log[WF_DIR_PATH_MAX];
    *d = (struct wf_data_dir){.lock = -1};
    if (strlen(path) >= sizeof d->path)
        return wf_fail_reason(err, WF_INVALID_ARGUMENT, "CONFIG", "data_dir is too long");
    strcpy(d->path, path);
    snprintf(d->state, sizeof d->state, "%s/state", path);
    snprintf(d->images, sizeof d->images, "%s/images", path);
    int rc = make(d->path, err);
    if (rc == WF_OK)
        rc = take_lock(d, err);
    if (rc != WF_OK)
        return rc;
    rc = make(d->state, err);
    if (rc == WF_OK)
        rc = make(d->images, err);
    if (rc != WF_OK) {
        wf_data_dir_close(d);
        return rc;
    }
    snprintf(log, sizeof log, "%s/log.db", path);
    d->has_log = access(log, F_OK) == 0;
    remove_leftovers(d);
    return WF_OK;
}

void wf_data_dir_close(struct wf_data_dir *d)
{
    if (d->lock >= 0)
        close(d->lock);
    d->lock = -1;
}

int wf_data_dir_drop_state(const struct wf_data_dir *d, struct wf_err *err)
{
    DIR *dir = opendir(d->state);
    struct dirent *e;
    int rc = WF_OK;
    WF_ASSERT(d->lock >= 0);
    if (!dir)
        return fail_errno(err, "read", d->state);
    while (rc == WF_OK && (e = readdir(dir)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(dirfd(dir), e->d_name, 0) != 0)
            rc = fail_errno(err, "remove a file of", d->state);
    closedir(dir);
    return rc;
}
