// SPDX-License-Identifier: Apache-2.0
// The configuration of one node: a YAML file, described key by key in docs/configuration.md. Read
// once at start by the main thread; immutable afterwards.
//
//   cluster: {name: acme, id: 0123456789abcdef0123456789abcdef}
//   node: {name: fra-1, region: fra}
//   listen: "0.0.0.0:7411"
//   advertise: "fra-1.example.org:7411"
//   data_dir: /var/lib/watchfire
//   tls: {ca: ca.pem, cert: node.pem, key: node.key}
//   bootstrap:
//     members:
//       - {name: fra-1, region: fra, address: "fra-1.example.org:7411"}
//     admins: [ricardo]
//
// Relative paths are relative to the file.
#ifndef WF_DAEMON_CONFIG_H
#define WF_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"

struct wf_config_member {
    char *name;
    char *region;
    char *address;
};

struct wf_config_cluster {
    char *name;
    char *id; // 32 hexadecimal digits; may be left out by a node that joins
};

struct wf_config_node {
    char *name;
    char *region;
};

struct wf_config_tls {
    char *ca;
    char *cert;
    char *key;
};

struct wf_config_bootstrap {
    struct wf_config_member *members;
    unsigned members_count;
    char **admins; // user names
    unsigned admins_count;
};

struct wf_config_join {
    char **endpoints; // "host:port" of members
    unsigned endpoints_count;
};

struct wf_config_raft {
    unsigned election_timeout_ms; // 0: default
    unsigned heartbeat_ms;        // 0: default
};

struct wf_config_front {
    unsigned threads;                 // 0: 1
    unsigned connections_per_address; // 0: WF_CONNECTIONS_PER_ADDRESS
};

struct wf_config_log {
    enum wf_log_level level; // default: info
    enum wf_log_format format;
};

struct wf_config {
    struct wf_config_cluster cluster;
    struct wf_config_node node;
    char *listen;    // "host:port"
    char *advertise; // "host:port"; never NULL: listen when left out
    char *data_dir;
    char *user; // to become when started as root; NULL: stay
    struct wf_config_tls tls;
    struct wf_config_bootstrap *bootstrap; // NULL: none
    struct wf_config_join *join;           // NULL: none
    struct wf_config_raft *raft;           // NULL: defaults
    struct wf_config_front *front;         // NULL: defaults
    struct wf_config_log *log;             // NULL: defaults

    uint8_t cluster_id[16]; // of cluster.id; zero when that was left out
};

// Load and check the file. A failure is INVALID_ARGUMENT (or what opening it said) and its message
// names the file, the key and the line. *out is freed with wf_config_free().
int wf_config_load(struct wf_config **out, const char *path, struct wf_err *err);
void wf_config_free(struct wf_config *c);

// A name of a cluster, node, region or user: 1 to 63 lower-case letters, digits, "-", "_" or ".".
bool wf_config_name_ok(const char *name);

#endif
