// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster_file.h"

#include <cyaml/cyaml.h>
#include <string.h>

#include "cli/files.h"

static const cyaml_schema_field_t member_fields[] = {
    CYAML_FIELD_STRING("name", CYAML_FLAG_DEFAULT, struct wf_cluster_member, name, 1),
    CYAML_FIELD_STRING("region", CYAML_FLAG_DEFAULT, struct wf_cluster_member, region, 1),
    CYAML_FIELD_STRING("address", CYAML_FLAG_DEFAULT, struct wf_cluster_member, address, 1),
    CYAML_FIELD_END};

static const cyaml_schema_value_t member_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct wf_cluster_member, member_fields)};

static const cyaml_schema_field_t fields[] = {
    CYAML_FIELD_STRING("name", CYAML_FLAG_DEFAULT, struct wf_cluster_file, name, 1),
    CYAML_FIELD_STRING("id", CYAML_FLAG_DEFAULT, struct wf_cluster_file, id, 32),
    CYAML_FIELD_SEQUENCE_COUNT("members", CYAML_FLAG_DEFAULT, struct wf_cluster_file, members,
                               n_members, &member_value, 0, WF_MEMBERS_MAX),
    CYAML_FIELD_END};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct wf_cluster_file, fields)};

static void quiet(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    (void)level;
    (void)ctx;
    (void)fmt;
    (void)args;
}

int wf_cluster_file_load(struct wf_cluster_file *out, const char *path, struct wf_err *err)
{
    static const cyaml_config_t settings = {
        .log_fn = quiet, .log_level = CYAML_LOG_ERROR, .mem_fn = cyaml_mem};
    struct wf_buf text;
    wf_buf_init(&text, 64 * 1024);
    struct wf_cluster_file *loaded = NULL;
    int rc = wf_file_read(path, NULL, &text, err);
    if (rc == WF_OK && text.len == 0)
        rc = wf_fail(err, WF_INVALID_ARGUMENT, "%s is empty", path);
    if (rc == WF_OK) {
        cyaml_err_t bad = cyaml_load_data(text.data, text.len, &settings, &schema,
                                          (cyaml_data_t **)&loaded, NULL);
        if (bad != CYAML_OK)
            rc = wf_fail(err, WF_INVALID_ARGUMENT, "%s is no cluster.yaml of `watchfire init`: %s",
                         path, cyaml_strerror(bad));
    }
    if (rc == WF_OK) {
        *out = *loaded;
        cyaml_free(&settings, &schema, loaded, 0);
    }
    wf_buf_free(&text);
    return rc;
}

void wf_cluster_file_write(const struct wf_cluster_file *c, struct wf_buf *out)
{
    wf_buf_printf(out,
                  "# Made by `watchfire init`, for `watchfire init --ca`.\n"
                  "name: \"%s\"\nid: \"%s\"\nmembers:\n",
                  c->name, c->id);
    for (unsigned i = 0; i < c->n_members; i++)
        wf_buf_printf(out, "  - {name: \"%s\", region: \"%s\", address: \"%s\"}\n",
                      c->members[i].name, c->members[i].region, c->members[i].address);
}

int wf_cluster_file_add(struct wf_cluster_file *c, const struct wf_cluster_member *m, bool replace,
                        struct wf_err *err)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->n_members; i++) {
        const struct wf_cluster_member *old = &c->members[i];
        bool same_name = strcmp(old->name, m->name) == 0;
        if ((same_name && !replace) || (!same_name && strcmp(old->address, m->address) == 0))
            return wf_fail(err, WF_ALREADY_EXISTS, "there is a node %s at %s already", old->name,
                           old->address);
        if (!same_name)
            c->members[n++] = *old;
    }
    if (n >= WF_MEMBERS_MAX)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "a cluster has at most %d members",
                       WF_MEMBERS_MAX);
    c->members[n++] = *m;
    c->n_members = n;
    return WF_OK;
}
