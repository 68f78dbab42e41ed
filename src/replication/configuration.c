// SPDX-License-Identifier: Apache-2.0
#include "replication/configuration.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"

// --- members -----------------------------------------------------------------------------------

void wf_member_address(const struct wf_member *m, char out[WF_MEMBER_ADDRESS_MAX])
{
    int n = snprintf(out, WF_MEMBER_ADDRESS_MAX, "%s|%s|%s", m->name, m->region, m->address);

    WF_ASSERT(n > 0 && n < WF_MEMBER_ADDRESS_MAX);
}

static int check_field(const char *what, const char *value, size_t max, struct wf_err *err)
{
    size_t len = strnlen(value, max + 1);

    if (len == 0 || len > max)
        return wf_fail(err, WF_INVALID_ARGUMENT, "a member's %s has 1 to %zu bytes", what, max);
    for (size_t i = 0; i < len; i++) {
        if (value[i] <= ' ' || value[i] == '|' || value[i] == 0x7f)
            return wf_fail(err, WF_INVALID_ARGUMENT,
                           "a member's %s holds no spaces, control characters or '|': %s", what,
                           value);
    }
    return WF_OK;
}

int wf_member_check(const struct wf_member *m, struct wf_err *err)
{
    int rc = check_field("name", m->name, WF_NODE_NAME_MAX, err);

    if (rc == WF_OK)
        rc = check_field("region", m->region, WF_NODE_NAME_MAX, err);
    if (rc == WF_OK)
        rc = check_field("address", m->address, WF_ADDRESS_MAX, err);
    if (rc == WF_OK && m->id == 0)
        rc = wf_fail(err, WF_INVALID_ARGUMENT, "member %s has no id", m->name);
    return rc;
}

// Copy up to the next '|' (or the end, if last) into out.
static const char *take_field(const char *p, char *out, size_t max, bool last)
{
    const char *end = last ? p + strlen(p) : strchr(p, '|');

    if (end == NULL || (size_t)(end - p) > max)
        return NULL;
    memcpy(out, p, (size_t)(end - p));
    out[end - p] = '\0';
    return last ? end : end + 1;
}

int wf_member_parse(const struct raft_server *server, struct wf_member *out)
{
    const char *p = server->address;

    memset(out, 0, sizeof *out);
    out->id = server->id;
    out->role = (enum wf_role)server->role;
    p = take_field(p, out->name, WF_NODE_NAME_MAX, false);
    if (p != NULL)
        p = take_field(p, out->region, WF_NODE_NAME_MAX, false);
    if (p != NULL)
        p = take_field(p, out->address, WF_ADDRESS_MAX, true);
    return p != NULL ? WF_OK : WF_INVALID_ARGUMENT;
}

// --- bytes -------------------------------------------------------------------------------------

static int decode_server(struct wf_reader *r, struct raft_configuration *out)
{
    uint64_t id = wf_get_u64(r);
    const char *address = (const char *)r->p;
    size_t len = r->failed ? 0 : strnlen(address, r->left);
    int role;

    if (r->failed || len == r->left)
        return WF_INVALID_ARGUMENT;
    (void)wf_get_bytes(r, len + 1);
    role = wf_get_u8(r);
    if (r->failed || id == 0 || role > RAFT_SPARE)
        return WF_INVALID_ARGUMENT;
    switch (raft_configuration_add(out, id, address, role)) {
    case 0:
        return WF_OK;
    case RAFT_NOMEM:
        return WF_RESOURCE_EXHAUSTED;
    default:
        return WF_INVALID_ARGUMENT;
    }
}

int wf_configuration_decode(struct wf_bytes in, struct raft_configuration *out)
{
    struct wf_reader r = wf_reader_of(in.data, in.len);
    uint8_t version = wf_get_u8(&r);
    uint64_t n = wf_get_u64(&r);
    int rc = WF_OK;

    raft_configuration_init(out);
    if (r.failed || version != 1 || n > WF_MEMBERS_MAX)
        return WF_INVALID_ARGUMENT;
    for (uint64_t i = 0; i < n && rc == WF_OK; i++)
        rc = decode_server(&r, out);
    if (rc != WF_OK) {
        raft_configuration_close(out);
        raft_configuration_init(out);
    }
    return rc;
}

int wf_configuration_encode(const struct wf_member *members, unsigned n, struct wf_bytes *out,
                            struct wf_err *err)
{
    struct raft_configuration c;
    struct raft_buffer buf;
    char address[WF_MEMBER_ADDRESS_MAX];
    int rv = 0, rc = WF_OK;

    raft_configuration_init(&c);
    for (unsigned i = 0; i < n && rc == WF_OK && rv == 0; i++) {
        rc = wf_member_check(&members[i], err);
        if (rc != WF_OK)
            break;
        wf_member_address(&members[i], address);
        rv = raft_configuration_add(&c, members[i].id, address, (int)members[i].role);
    }
    if (rc == WF_OK && rv == 0)
        rv = raft_configuration_encode(&c, &buf);
    raft_configuration_close(&c);
    if (rc != WF_OK)
        return rc;
    if (rv != 0)
        return wf_fail(err, rv == RAFT_NOMEM ? WF_RESOURCE_EXHAUSTED : WF_INVALID_ARGUMENT,
                       "cannot encode the membership: %s", raft_strerror(rv));
    *out = (struct wf_bytes){buf.base, buf.len};
    return WF_OK;
}

// --- access ------------------------------------------------------------------------------------

const struct raft_server *wf_configuration_get(const struct raft_configuration *c, uint64_t id)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (c->servers[i].id == id)
            return &c->servers[i];
    }
    return NULL;
}

unsigned wf_configuration_voters(const struct raft_configuration *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->n; i++)
        n += c->servers[i].role == RAFT_VOTER;
    return n;
}
