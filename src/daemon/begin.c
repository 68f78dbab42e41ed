// SPDX-License-Identifier: Apache-2.0
#include "daemon/begin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "daemon/ask_peer.h"
#include "daemon/loop.h"
#include "replication/bootstrap.h"
#include "replication/log_store_sqlite.h"

enum { ASK_MS = 2000, JOIN_TRIES = 15 };

typedef Watchfire__V1__GetStatusResponse status;

unsigned wf_begin_members(const struct wf_config *config, struct wf_member *out)
{
    const struct wf_config_bootstrap *b = config->bootstrap;
    WF_ASSERT(b != NULL && b->members_count <= WF_MEMBERS_MAX);
    for (unsigned i = 0; i < b->members_count; i++) {
        out[i] = (struct wf_member){.id = i + 1, .role = WF_VOTER};
        snprintf(out[i].name, sizeof out[i].name, "%s", b->members[i].name);
        snprintf(out[i].region, sizeof out[i].region, "%s", b->members[i].region);
        snprintf(out[i].address, sizeof out[i].address, "%s", b->members[i].address);
    }
    return b->members_count;
}

// --- a store -------------------------------------------------------------------------------------

static void fill_identity(struct wf_node_identity *out, const struct wf_config *config,
                          const uint8_t cluster_id[WF_UUID_SIZE], uint64_t node_id)
{
    *out = (struct wf_node_identity){.node_id = node_id};
    memcpy(out->cluster_id, cluster_id, WF_UUID_SIZE);
    snprintf(out->name, sizeof out->name, "%s", config->node.name);
}

static int create(const struct wf_config *config, const char *dir,
                  const uint8_t cluster_id[WF_UUID_SIZE], uint64_t node_id, struct wf_err *err)
{
    struct wf_node_identity identity;
    fill_identity(&identity, config, cluster_id, node_id);
    return wf_log_store_sqlite_create(dir, &identity, err);
}

static int write_first_entry(const struct wf_config *config, const char *dir, struct wf_err *err)
{
    struct wf_member members[WF_MEMBERS_MAX];
    unsigned n = wf_begin_members(config, members);
    struct wf_log_store *store = NULL;
    uv_loop_t loop;
    int rc = wf_loop_open(&loop, err);
    if (rc != WF_OK)
        return rc;
    rc = wf_log_store_sqlite_open(&store, dir, &loop, NULL, err);
    if (rc == WF_OK)
        rc = wf_bootstrap(store, members, n, err);
    wf_log_store_sqlite_free(store); // never loaded: there is nothing to close
    uv_run(&loop, UV_RUN_DEFAULT);
    int closed = uv_loop_close(&loop);
    WF_ASSERT(closed == 0);
    return rc;
}

// A founder's log is made in a folder of its own and moved into place once it has its first entry:
// a crash meanwhile leaves a data directory to start with, and not a node that has no members.
static const char *const founding_files[] = {"log.mark", "log.db"}; // log.db decides: it goes last

static int complain(const char *path, struct wf_err *err)
{
    return wf_fail(err, wf_code_from_errno(errno), "%s: %s", path, strerror(errno));
}

static int begin_founding(const struct wf_node_dir *dir, const char *founding, struct wf_err *err)
{
    static const char *const left[] = {
        "log.mark",   "log.db",         "log.db-wal",     "log.db-shm",
        "log.db.new", "log.db.new-wal", "log.db.new-shm", "log.db.new-journal"};
    char path[WF_DIR_PATH_MAX + 32];
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", founding, left[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            return complain(path, err);
    }
    WF_ASSERT(!dir->has_log);
    return mkdir(founding, 0700) == 0 || errno == EEXIST ? WF_OK : complain(founding, err);
}

static int end_founding(const struct wf_node_dir *dir, const char *founding, struct wf_err *err)
{
    char from[WF_DIR_PATH_MAX + 32], to[WF_DIR_PATH_MAX + 32];
    snprintf(from, sizeof from, "%s/log.db-wal", founding);
    if (access(from, F_OK) == 0) // SQLite removes it when all of it is in the file
        return wf_fail(err, WF_INTERNAL, "%s was not taken into the log: start again", from);
    for (size_t i = 0; i < sizeof founding_files / sizeof founding_files[0]; i++) {
        snprintf(from, sizeof from, "%s/%s", founding, founding_files[i]);
        snprintf(to, sizeof to, "%s/%s", dir->path, founding_files[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            return complain(to, err);
    }
    int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 && access(to, F_OK) == 0 ? WF_OK : complain(to, err);
    if (fd >= 0)
        close(fd);
    rmdir(founding); // an empty folder does no harm
    return rc;
}

int wf_begin_found(const struct wf_config *config, const struct wf_node_dir *dir,
                   struct wf_err *err)
{
    char founding[WF_DIR_PATH_MAX];
    struct wf_member members[WF_MEMBERS_MAX];
    unsigned n = wf_begin_members(config, members);
    uint64_t id = 0;
    for (unsigned i = 0; i < n; i++)
        if (strcmp(members[i].name, config->node.name) == 0)
            id = members[i].id;
    WF_ASSERT(id > 0); // the configuration was checked for it
    snprintf(founding, sizeof founding, "%s/founding", dir->path);
    int rc = begin_founding(dir, founding, err);
    if (rc == WF_OK)
        rc = create(config, founding, config->cluster_id, id, err);
    if (rc == WF_OK)
        rc = write_first_entry(config, founding, err);
    return rc == WF_OK ? end_founding(dir, founding, err) : rc;
}

// --- a new cluster -------------------------------------------------------------------------------

static bool is_founder(const struct wf_config *config, const char *name)
{
    for (unsigned i = 0; i < config->bootstrap->members_count; i++)
        if (strcmp(config->bootstrap->members[i].name, name) == 0)
            return true;
    return false;
}

// A founder that is up already is as it should be, unless the cluster has heard from a node of our
// name before, or does not have us: then this disk was wiped, or the configuration is another's.
// Nor may others have joined since: who has never met our first disk cannot tell that it is gone.
static int check_founder(const struct wf_config *config, const char *address, const status *s,
                         struct wf_err *err)
{
    char id[33];
    const char *name = config->node.name;
    if (strcmp(s->cluster_id, wf_hex(config->cluster_id, WF_UUID_SIZE, id)) != 0)
        return wf_fail_reason(
            err, WF_FAILED_PRECONDITION, "CLUSTER_RUNNING",
            "%s belongs to cluster %s already, not to %s: check bootstrap.members "
            "and cluster.id",
            address, s->cluster_id, id);
    const Watchfire__V1__Member *self = NULL;
    const char *joined = NULL;
    for (size_t i = 0; i < s->n_members; i++) {
        if (strcmp(s->members[i]->name, name) == 0)
            self = s->members[i];
        if (!is_founder(config, s->members[i]->name))
            joined = s->members[i]->name;
    }
    if (joined)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "CLUSTER_RUNNING",
                              "the cluster is running and %s, which is none of bootstrap.members, "
                              "has joined it: \"watchfire cluster add\" this node under a new name "
                              "and start with --join instead of --bootstrap",
                              joined);
    if (!self && s->n_members > 0)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "CLUSTER_RUNNING",
                              "the cluster is running without %s: \"watchfire cluster add %s ...\" "
                              "and start with --join instead of --bootstrap",
                              name, name);
    if (self && self->heard_ms_ago >= 0)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "CLUSTER_RUNNING",
                              "the cluster is running and knows a node %s that had data; this one "
                              "has none and may not take its place: \"watchfire cluster remove "
                              "%s\", add a new name, and start that with --join",
                              name, name);
    return WF_OK;
}

static int check_founders(const struct wf_config *config, struct wf_tls *tls, struct wf_err *err)
{
    const struct wf_config_bootstrap *b = config->bootstrap;
    int rc = WF_OK;
    for (unsigned i = 0; rc == WF_OK && i < b->members_count; i++) {
        status *s = NULL;
        struct wf_err unreachable;
        if (strcmp(b->members[i].name, config->node.name) == 0)
            continue;
        // One that cannot be reached is not up yet, which is how a cluster begins.
        if (wf_ask_status(tls, b->members[i].address, ASK_MS, &s, &unreachable) != WF_OK)
            continue;
        rc = check_founder(config, b->members[i].address, s, err);
        watchfire__v1__get_status_response__free_unpacked(s, NULL);
    }
    return rc;
}

static int found(const struct wf_config *config, const struct wf_node_dir *dir, struct wf_tls *tls,
                 struct wf_err *err)
{
    if (!config->bootstrap)
        return wf_fail_reason(
            err, WF_INVALID_ARGUMENT, "CONFIG",
            "--bootstrap needs a section \"bootstrap\" with the first members and "
            "admins in the configuration");
    int rc = check_founders(config, tls, err);
    if (rc != WF_OK)
        return rc;
    // What is left of another life is not ours.
    rc = wf_node_dir_drop_state(dir, err);
    if (rc == WF_OK)
        rc = wf_begin_found(config, dir, err);
    if (rc == WF_OK)
        wf_log(WF_LOG_INFO, "founded", "cluster", config->cluster.name, NULL);
    return rc;
}

// --- joining -------------------------------------------------------------------------------------

static int take_place(const struct wf_config *config, const struct wf_node_dir *dir,
                      const status *s, const char *address, struct wf_err *err)
{
    uint8_t cluster_id[WF_UUID_SIZE], none[WF_UUID_SIZE] = {0};
    const Watchfire__V1__Member *self = NULL;
    if (strlen(s->cluster_id) != 2 * WF_UUID_SIZE ||
        wf_unhex(s->cluster_id, cluster_id, WF_UUID_SIZE) != WF_OK)
        return wf_fail(err, WF_INTERNAL, "%s gave no cluster id", address);
    if (memcmp(config->cluster_id, none, WF_UUID_SIZE) != 0 &&
        memcmp(config->cluster_id, cluster_id, WF_UUID_SIZE) != 0)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "WRONG_IDENTITY",
                              "%s belongs to cluster %s, not to cluster.id of the configuration",
                              address, s->cluster_id);
    for (size_t i = 0; i < s->n_members; i++)
        if (strcmp(s->members[i]->name, config->node.name) == 0)
            self = s->members[i];
    if (!self)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NOT_A_MEMBER",
                              "%s is no member yet: \"watchfire cluster add %s --region %s "
                              "--address %s\" first",
                              config->node.name, config->node.name, config->node.region,
                              config->advertise);
    // A voter had everything when it became one, also if nobody has heard of it since they started.
    // An empty disk has forgotten its votes.
    if (self->heard_ms_ago >= 0 || self->role == WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_VOTER)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NOT_A_MEMBER",
                              "a node %s with data is known to %s; this one has none and may not "
                              "take its place: remove that one and add a new name",
                              config->node.name, address);
    int rc = wf_node_dir_drop_state(dir, err); // what is left of another life is not ours
    if (rc == WF_OK)
        rc = create(config, dir->path, cluster_id, self->id, err);
    if (rc == WF_OK)
        wf_log(WF_LOG_INFO, "joining", "cluster", config->cluster.name, "id", wf_log_u(self->id),
               "by", address, NULL);
    return rc;
}

static int join(const struct wf_config *config, const struct wf_node_dir *dir, struct wf_tls *tls,
                struct wf_err *err)
{
    const struct wf_config_join *j = config->join;
    struct timespec second = {1, 0};
    int rc = WF_UNAVAILABLE;
    for (unsigned attempt = 0; attempt < JOIN_TRIES; attempt++) {
        status *s = NULL;
        const char *address = j->endpoints[attempt % j->endpoints_count];
        rc = wf_ask_status(tls, address, ASK_MS, &s, err);
        if (rc == WF_OK)
            rc = take_place(config, dir, s, address, err);
        if (s)
            watchfire__v1__get_status_response__free_unpacked(s, NULL);
        // A follower may not have heard yet of the member that the leader has just added.
        if (rc == WF_OK || (s && strcmp(err->reason, "NOT_A_MEMBER") != 0) ||
            attempt + 1 == JOIN_TRIES)
            break;
        wf_log(WF_LOG_INFO, "not joined yet", "why", err->msg, NULL);
        nanosleep(&second, NULL);
    }
    return rc;
}

int wf_begin(const struct wf_config *config, const struct wf_node_dir *dir, struct wf_tls *tls,
             bool bootstrap, struct wf_err *err)
{
    if (dir->has_log && bootstrap)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NOT_EMPTY",
                              "%s holds a node already: start without --bootstrap", dir->path);
    if (dir->has_log)
        return WF_OK;
    if (bootstrap)
        return found(config, dir, tls, err);
    if (config->join)
        return join(config, dir, tls, err);
    return wf_fail_reason(err, WF_FAILED_PRECONDITION, "NO_DATA",
                          "%s is empty: to begin a new cluster start every founder once with "
                          "--bootstrap; to join one, add \"join: {endpoints: [...]}\" to the "
                          "configuration; to restore one, see \"watchfired restore\"",
                          dir->path);
}
