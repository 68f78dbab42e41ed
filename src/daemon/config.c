// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/hash.h"

enum { FILE_MAX = 1024 * 1024, TEXT_MAX = 4096 };

// --- the schema ----------------------------------------------------------------------------------

#define TEXT(key, structure, member)                                                               \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, structure, member, 1, TEXT_MAX)
#define TEXT_OPTIONAL(key, structure, member)                                                      \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, 1,    \
                           TEXT_MAX)

static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_MAX)};

static const cyaml_schema_field_t cluster_fields[] = {
    TEXT("name", struct wf_config_cluster, name), TEXT_OPTIONAL("id", struct wf_config_cluster, id),
    CYAML_FIELD_END};

static const cyaml_schema_field_t node_fields[] = {TEXT("name", struct wf_config_node, name),
                                                   TEXT("region", struct wf_config_node, region),
                                                   CYAML_FIELD_END};

static const cyaml_schema_field_t tls_fields[] = {
    TEXT("ca", struct wf_config_tls, ca), TEXT("cert", struct wf_config_tls, cert),
    TEXT("key", struct wf_config_tls, key), CYAML_FIELD_END};

static const cyaml_schema_field_t member_fields[] = {
    TEXT("name", struct wf_config_member, name), TEXT("region", struct wf_config_member, region),
    TEXT("address", struct wf_config_member, address), CYAML_FIELD_END};

static const cyaml_schema_value_t member_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct wf_config_member, member_fields)};

static const cyaml_schema_field_t bootstrap_fields[] = {
    CYAML_FIELD_SEQUENCE("members", CYAML_FLAG_POINTER, struct wf_config_bootstrap, members,
                         &member_value, 1, WF_MEMBERS_MAX),
    CYAML_FIELD_SEQUENCE("admins", CYAML_FLAG_POINTER, struct wf_config_bootstrap, admins,
                         &text_value, 1, WF_LIST_MAX),
    CYAML_FIELD_END};

static const cyaml_schema_field_t join_fields[] = {
    CYAML_FIELD_SEQUENCE("endpoints", CYAML_FLAG_POINTER, struct wf_config_join, endpoints,
                         &text_value, 1, WF_MEMBERS_MAX),
    CYAML_FIELD_END};

static const cyaml_schema_field_t raft_fields[] = {
    CYAML_FIELD_UINT("election_timeout_ms", CYAML_FLAG_OPTIONAL, struct wf_config_raft,
                     election_timeout_ms),
    CYAML_FIELD_UINT("heartbeat_ms", CYAML_FLAG_OPTIONAL, struct wf_config_raft, heartbeat_ms),
    CYAML_FIELD_END};

static const cyaml_schema_field_t front_fields[] = {
    CYAML_FIELD_UINT("threads", CYAML_FLAG_OPTIONAL, struct wf_config_front, threads),
    CYAML_FIELD_UINT("connections_per_address", CYAML_FLAG_OPTIONAL, struct wf_config_front,
                     connections_per_address),
    CYAML_FIELD_END};

static const cyaml_strval_t levels[] = {
    {"debug", WF_LOG_DEBUG}, {"info", WF_LOG_INFO}, {"warn", WF_LOG_WARN}, {"error", WF_LOG_ERROR}};
static const cyaml_strval_t formats[] = {{"logfmt", WF_LOG_LOGFMT}, {"json", WF_LOG_JSON}};

static const cyaml_schema_field_t log_fields[] = {
    CYAML_FIELD_ENUM("level", CYAML_FLAG_STRICT, struct wf_config_log, level, levels,
                     CYAML_ARRAY_LEN(levels)),
    CYAML_FIELD_ENUM("format", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct wf_config_log,
                     format, formats, CYAML_ARRAY_LEN(formats)),
    CYAML_FIELD_END};

#define SECTION(key, member, fields)                                                               \
    CYAML_FIELD_MAPPING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct wf_config,       \
                            member, fields)

static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_MAPPING("cluster", CYAML_FLAG_DEFAULT, struct wf_config, cluster, cluster_fields),
    CYAML_FIELD_MAPPING("node", CYAML_FLAG_DEFAULT, struct wf_config, node, node_fields),
    TEXT("listen", struct wf_config, listen),
    TEXT_OPTIONAL("advertise", struct wf_config, advertise),
    TEXT("data_dir", struct wf_config, data_dir),
    TEXT_OPTIONAL("user", struct wf_config, user),
    CYAML_FIELD_MAPPING("tls", CYAML_FLAG_DEFAULT, struct wf_config, tls, tls_fields),
    SECTION("bootstrap", bootstrap, bootstrap_fields),
    SECTION("join", join, join_fields),
    SECTION("raft", raft, raft_fields),
    SECTION("front", front, front_fields),
    SECTION("log", log, log_fields),
    CYAML_FIELD_END};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct wf_config, fields)};

// --- names and addresses -------------------------------------------------------------------------

bool wf_config_name_ok(const char *name)
{
    size_t n = strlen(name);
    return n >= 1 && n <= WF_NODE_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n;
}

// --- loading -------------------------------------------------------------------------------------

// What libcyaml says about a bad file: the first error, and the innermost place it gives.
struct complaint {
    char what[300];
    char where[200];
};

static void listen_to_cyaml(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    struct complaint *c = ctx;
    char line[300];
    if (level < CYAML_LOG_ERROR)
        return;
    vsnprintf(line, sizeof line, fmt, args);
    line[strcspn(line, "\n")] = 0;
    const char *text = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
    const char *place = strstr(text, "(line: ");
    if (place && strstr(text, "in ") && !*c->where)
        snprintf(c->where, sizeof c->where, "%s", text + strspn(text, " "));
    else if (!*c->what && strncmp(text, "Backtrace", 9) != 0)
        snprintf(c->what, sizeof c->what, "%s", text);
}

static int read_file(const char *path, struct wf_buf *out, struct wf_err *err)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return wf_fail(err, wf_code_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    uint8_t chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        if (wf_buf_append(out, chunk, n) != WF_OK)
            break;
    int failed = ferror(f);
    fclose(f);
    if (failed)
        return wf_fail(err, WF_UNAVAILABLE, "cannot read %s", path);
    if (out->failed)
        return wf_fail(err, WF_INVALID_ARGUMENT, "%s is larger than %d bytes", path, FILE_MAX);
    return WF_OK;
}

// The line (from 1) of the nth "key:" at or after the first "section:", for messages; 0: not found.
static int line_of(const char *text, const char *section, const char *key, unsigned nth)
{
    char name[80];
    const char *p = text;
    if (section) {
        snprintf(name, sizeof name, "%s:", section);
        for (p = strstr(text, name); p && p != text && p[-1] != '\n';)
            p = strstr(p + 1, name);
        if (!p)
            return 0;
    }
    snprintf(name, sizeof name, "%s:", key);
    for (;; p++, nth--) {
        while ((p = strstr(p, name)) && p != text && !strchr(" \n{,-", p[-1]))
            p++;
        if (!p)
            return 0;
        if (nth == 0)
            break;
    }
    int line = 1;
    for (const char *q = text; q < p; q++)
        line += *q == '\n';
    return line;
}

struct check {
    struct wf_config *c;
    const char *path;
    const char *text;
    struct wf_err *err;
};

static int complain(const struct check *k, const char *section, const char *key, unsigned nth,
                    const char *value, const char *rule)
{
    int line = line_of(k->text, section, key, nth);
    char at[16] = "";
    if (line)
        snprintf(at, sizeof at, ":%d", line);
    return wf_fail_reason(k->err, WF_INVALID_ARGUMENT, "CONFIG", "%s%s: %s%s%s: \"%.200s\" %s",
                          k->path, at, section ? section : "", section ? "." : "", key, value,
                          rule);
}

static int check_name(const struct check *k, const char *section, const char *key, unsigned nth,
                      const char *value)
{
    if (wf_config_name_ok(value))
        return WF_OK;
    return complain(k, section, key, nth, value,
                    "is no name: 1 to 63 lower-case letters, digits, \"-\", \"_\" or \".\"");
}

static int check_address(const struct check *k, const char *section, const char *key, unsigned nth,
                         const char *value, unsigned least)
{
    if (wf_address_ok(value, least))
        return WF_OK;
    return complain(k, section, key, nth, value,
                    "is no \"host:port\" (an IPv6 address goes in brackets)");
}

static int check_bootstrap(const struct check *k)
{
    const struct wf_config_bootstrap *b = k->c->bootstrap;
    bool self = false;
    for (unsigned i = 0; b && i < b->members_count; i++) {
        const struct wf_config_member *m = &b->members[i];
        int rc = check_name(k, "bootstrap", "name", i, m->name);
        if (rc == WF_OK)
            rc = check_name(k, "bootstrap", "region", i, m->region);
        if (rc == WF_OK)
            rc = check_address(k, "bootstrap", "address", i, m->address, 1);
        if (rc != WF_OK)
            return rc;
        for (unsigned j = 0; j < i; j++)
            if (strcmp(b->members[j].name, m->name) == 0)
                return complain(k, "bootstrap", "name", i, m->name, "is there twice");
        self |= strcmp(m->name, k->c->node.name) == 0;
    }
    if (b && !self)
        return complain(k, "bootstrap", "members", 0, k->c->node.name,
                        "(node.name) is not among them");
    for (unsigned i = 0; b && i < b->admins_count; i++) {
        int rc = check_name(k, "bootstrap", "admins", 0, b->admins[i]);
        if (rc != WF_OK)
            return rc;
    }
    return WF_OK;
}

static int check_cluster(const struct check *k)
{
    struct wf_config *c = k->c;
    int rc = check_name(k, "cluster", "name", 0, c->cluster.name);
    if (rc != WF_OK)
        return rc;
    const char *id = c->cluster.id;
    if (id && (strlen(id) != 32 || wf_unhex(id, c->cluster_id, sizeof c->cluster_id) != WF_OK))
        return complain(k, "cluster", "id", 0, id, "is no id: 32 hexadecimal digits");
    if (!id && c->bootstrap)
        return complain(k, "cluster", "name", 0, c->cluster.name,
                        "needs an id beside it to be bootstrapped: cluster.id, 32 random "
                        "hexadecimal digits, the same on all members");
    return WF_OK;
}

static int check_numbers(const struct check *k)
{
    const struct wf_config_raft *r = k->c->raft;
    char value[24];
    if (r && r->election_timeout_ms && r->election_timeout_ms < 50) {
        snprintf(value, sizeof value, "%u", r->election_timeout_ms);
        return complain(k, "raft", "election_timeout_ms", 0, value, "is too short: 50 or more");
    }
    if (r && r->heartbeat_ms && r->election_timeout_ms &&
        r->heartbeat_ms * 2 > r->election_timeout_ms) {
        snprintf(value, sizeof value, "%u", r->heartbeat_ms);
        return complain(k, "raft", "heartbeat_ms", 0, value,
                        "is too long: at most half of election_timeout_ms");
    }
    if (k->c->front && k->c->front->threads > 64) {
        snprintf(value, sizeof value, "%u", k->c->front->threads);
        return complain(k, "front", "threads", 0, value, "is too many: 1 to 64");
    }
    return WF_OK;
}

static int check_all(const struct check *k)
{
    struct wf_config *c = k->c;
    int rc = check_cluster(k);
    if (rc == WF_OK)
        rc = check_name(k, "node", "name", 0, c->node.name);
    if (rc == WF_OK)
        rc = check_name(k, "node", "region", 0, c->node.region);
    if (rc == WF_OK)
        rc = check_address(k, NULL, "listen", 0, c->listen, 0);
    if (rc == WF_OK)
        rc = check_address(k, NULL, "advertise", 0, c->advertise, 1);
    if (rc == WF_OK)
        rc = check_bootstrap(k);
    for (unsigned i = 0; rc == WF_OK && c->join && i < c->join->endpoints_count; i++)
        rc = check_address(k, "join", "endpoints", 0, c->join->endpoints[i], 1);
    return rc == WF_OK ? check_numbers(k) : rc;
}

// Make *path relative to the configuration's folder, unless it is absolute.
static int resolve(char **path, const char *config_path)
{
    const char *slash = strrchr(config_path, '/');
    if ((*path)[0] == '/' || !slash)
        return WF_OK;
    char *joined = NULL;
    if (asprintf(&joined, "%.*s/%s", (int)(slash - config_path), config_path, *path) < 0)
        return WF_RESOURCE_EXHAUSTED;
    free(*path);
    *path = joined;
    return WF_OK;
}

static int fill_in(struct wf_config *c, const char *path)
{
    if (!c->advertise && !(c->advertise = strdup(c->listen)))
        return WF_RESOURCE_EXHAUSTED;
    char **paths[] = {&c->data_dir, &c->tls.ca, &c->tls.cert, &c->tls.key};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (resolve(paths[i], path) != WF_OK)
            return WF_RESOURCE_EXHAUSTED;
    return WF_OK;
}

static const cyaml_config_t *cyaml_config(struct complaint *c, cyaml_config_t *out)
{
    *out = (cyaml_config_t){
        .log_fn = listen_to_cyaml, .log_ctx = c, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR};
    return out;
}

static int parse(struct wf_config **out, const char *path, const struct wf_buf *text,
                 struct wf_err *err)
{
    struct complaint c = {0};
    cyaml_config_t config;
    cyaml_err_t rc = cyaml_load_data(text->data, text->len, cyaml_config(&c, &config), &schema,
                                     (cyaml_data_t **)out, NULL);
    if (rc == CYAML_OK)
        return WF_OK;
    return wf_fail_reason(err, WF_INVALID_ARGUMENT, "CONFIG", "%s: %s%s%s", path,
                          *c.what ? c.what : cyaml_strerror(rc), *c.where ? ", " : "", c.where);
}

int wf_config_load(struct wf_config **out, const char *path, struct wf_err *err)
{
    WF_ASSERT(out != NULL && path != NULL);
    struct wf_buf text;
    wf_buf_init(&text, FILE_MAX);
    struct wf_config *c = NULL;
    int rc = read_file(path, &text, err);
    if (rc == WF_OK && !wf_buf_cstr(&text))
        rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK)
        rc = parse(&c, path, &text, err);
    if (rc == WF_OK && fill_in(c, path) != WF_OK)
        rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK) {
        struct check k = {c, path, (const char *)text.data, err};
        rc = check_all(&k);
    }
    wf_buf_free(&text);
    if (rc != WF_OK) {
        wf_config_free(c);
        return rc;
    }
    *out = c;
    return WF_OK;
}

void wf_config_free(struct wf_config *c)
{
    struct complaint quiet = {0};
    cyaml_config_t config;
    cyaml_free(cyaml_config(&quiet, &config), &schema, c, 0);
}
