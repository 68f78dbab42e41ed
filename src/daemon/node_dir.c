// SPDX-License-Identifier: Apache-2.0
#include "daemon/node_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

static int make(const char *path, struct wf_err *err)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST
               ? WF_OK
               : wf_fail_errno(err, errno, "cannot make %s", path);
}

// What a backup under way has left behind when the process was killed.
static void remove_leftovers(const struct wf_node_dir *d)
{
    DIR *dir = opendir(d->images);
    struct dirent *e;
    while (dir && (e = readdir(dir)) != NULL)
        if (strncmp(e->d_name, "backup-", 7) == 0)
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
}

int wf_node_dir_open(struct wf_node_dir *d, const char *path, struct wf_err *err)
{
    char log[WF_DIR_PATH_MAX];
    *d = (struct wf_node_dir){.dir = {.lock = -1}};
    if (strlen(path) >= sizeof d->path)
        return wf_fail_reason(err, WF_INVALID_ARGUMENT, "CONFIG", "data_dir is too long");
    strcpy(d->path, path);
    snprintf(d->state, sizeof d->state, "%s/state", path);
    snprintf(d->images, sizeof d->images, "%s/images", path);
    int rc = wf_data_dir_open(&d->dir, path, true, err);
    if (rc == WF_PERMISSION_DENIED)
        snprintf(err->reason, sizeof err->reason, "PERMISSIONS");
    if (rc != WF_OK) {
        d->dir.lock = -1;
        return rc;
    }
    rc = make(d->state, err);
    if (rc == WF_OK)
        rc = make(d->images, err);
    if (rc != WF_OK) {
        wf_node_dir_close(d);
        return rc;
    }
    snprintf(log, sizeof log, "%s/log.db", path);
    d->has_log = access(log, F_OK) == 0;
    remove_leftovers(d);
    return WF_OK;
}

void wf_node_dir_close(struct wf_node_dir *d)
{
    if (d->dir.lock >= 0)
        wf_data_dir_close(&d->dir);
    d->dir.lock = -1;
}

// What another file system error means is found out by whoever reads and writes the file.
static bool is_other(struct wf_node_dir *d, unsigned i, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR;
    if (d->files[i].ino == 0) {
        d->files[i].dev = st.st_dev;
        d->files[i].ino = st.st_ino;
    }
    return st.st_dev != d->files[i].dev || st.st_ino != d->files[i].ino;
}

int wf_node_dir_look(struct wf_node_dir *d, struct wf_err *err)
{
    static const char *const names[WF_NODE_FILES] = {"lock", "log.db", "state/state.db"};
    WF_ASSERT(d->dir.lock >= 0);
    for (unsigned i = 0; i < WF_NODE_FILES; i++) {
        char path[WF_DIR_PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", d->path, names[i]);
        if (is_other(d, i, path))
            return wf_fail_reason(err, WF_DATA_LOSS, "DISK_FAILED",
                                  "%s was removed, moved or replaced while the node ran: nothing "
                                  "that is written any more would be kept; put %s back as it was, "
                                  "or replace this node by a new member",
                                  path, d->path);
    }
    return WF_OK;
}

int wf_node_dir_drop_state(const struct wf_node_dir *d, struct wf_err *err)
{
    DIR *dir = opendir(d->state);
    struct dirent *e;
    int rc = WF_OK;
    WF_ASSERT(d->dir.lock >= 0);
    if (!dir)
        return wf_fail_errno(err, errno, "cannot read %s", d->state);
    while (rc == WF_OK && (e = readdir(dir)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(dirfd(dir), e->d_name, 0) != 0)
            rc = wf_fail_errno(err, errno, "cannot remove a file of %s", d->state);
    closedir(dir);
    return rc;
}
