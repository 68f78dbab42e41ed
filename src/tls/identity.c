// SPDX-License-Identifier: Apache-2.0
#include "tls/identity.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static const char *const kinds[] = {
    [WF_ID_NODE] = "node", [WF_ID_USER] = "user", [WF_ID_SERVICE] = "service"};

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// Copy the run of name characters at s, followed by end. Returns what follows, or NULL.
static const char *take_name(const char *s, char end, char *out, size_t size)
{
    size_t n = 0;
    while (name_char(s[n]))
        n++;
    if (n == 0 || n >= size || s[n] != end)
        return NULL;
    memcpy(out, s, n);
    out[n] = 0;
    return s + n + (end != 0);
}

int wf_identity_parse(const char *uri, struct wf_identity *out, struct wf_err *err)
{
    static const char scheme[] = "spiffe://";
    struct wf_identity id = {0};
    char kind[16];
    const char *p = uri;
    if (strncmp(p, scheme, sizeof scheme - 1) == 0)
        p = take_name(p + sizeof scheme - 1, '/', id.cluster, sizeof id.cluster);
    else
        p = NULL;
    if (p)
        p = take_name(p, '/', kind, sizeof kind);
    if (p)
        p = take_name(p, 0, id.name, sizeof id.name);
    for (int k = WF_ID_NODE; p && k <= WF_ID_SERVICE; k++)
        if (strcmp(kind, kinds[k]) == 0)
            id.kind = (enum wf_identity_kind)k;
    if (id.kind == WF_ID_NONE)
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "'%.200s' names nobody here: spiffe://CLUSTER/node|user|service/NAME is "
                       "expected",
                       uri);
    *out = id;
    return WF_OK;
}

void wf_identity_format(const struct wf_identity *id, char out[200])
{
    WF_ASSERT(id->kind > WF_ID_NONE && id->kind <= WF_ID_SERVICE);
    snprintf(out, 200, "spiffe://%s/%s/%s", id->cluster, kinds[id->kind], id->name);
}
