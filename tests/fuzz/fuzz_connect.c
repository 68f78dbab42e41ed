// SPDX-License-Identifier: Apache-2.0
// A Connect request as text: "VERB target", header lines, an empty line, the body. Whatever comes,
// an exchange that the server takes is answered.
// links: wf_fake_exchange
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS_MAX = 20 };

// The next line of *p, NUL-terminated; NULL at the end.
static char *line(char **p)
{
    char *start = *p, *end = start != NULL ? strchr(start, '\n') : NULL;

    if (end == NULL)
        return NULL;
    *end = '\0';
    *p = end + 1;
    return start;
}

static struct wf_exchange *parse(char **p)
{
    char *first = line(p), *h;
    char *space = first != NULL ? strchr(first, ' ') : NULL;

    if (space == NULL || space[1] == '\0')
        return NULL;
    *space = '\0';
    bool get = strcmp(first, "GET") == 0, put = strcmp(first, "PUT") == 0;
    struct wf_exchange *ex = fake_new(get ? "GET" : put ? "PUT" : "POST", space + 1, 11);
    for (int i = 0; i < HEADERS_MAX && (h = line(p)) != NULL && *h != '\0'; i++) {
        char *colon = strstr(h, ": ");
        if (colon == NULL)
            continue;
        *colon = '\0';
        fake_header(ex, h, colon + 2);
    }
    return ex;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *rig;

    if (rig == NULL)
        rig_setup(&rig);
    char *text = malloc(size + 1), *p = text;
    WF_ASSERT(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    struct wf_exchange *ex = parse(&p);
    if (ex != NULL) {
        ex->write_max = 64 * 1024;
        bool taken = wf_rpc_server_begin(((struct rig *)rig)->server, ex);
        if (taken && text + size > p)
            fake_data(ex, p, (size_t)(text + size - p));
        if (taken)
            fake_end(ex);
        bool sleeps = strstr(ex->path, "/Sleep") != NULL;
        WF_ASSERT(!taken || sleeps || ex->finished || ex->queued > 0);
        fake_close(ex, WF_OK);
    }
    free(text);
    return 0;
}
