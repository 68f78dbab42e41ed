// SPDX-License-Identifier: Apache-2.0
// links: wf_http
// The prescan: one answer however the bytes come, and what passes can be taken apart.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/prescan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wf_prescan whole = {0}, bytes = {0};
    enum wf_prescan_state a = wf_prescan(&whole, data, size), b = WF_PRESCAN_MORE;
    for (size_t n = 1; n <= size && b == WF_PRESCAN_MORE; n++)
        b = wf_prescan(&bytes, data, n);
    WF_ASSERT(a == b && (a == WF_PRESCAN_MORE || whole.at == bytes.at));
    if (a != WF_PRESCAN_DONE)
        return 0;
    char *head = malloc(whole.at);
    if (!head)
        return 0;
    memcpy(head, data, whole.at);
    if (wf_prescan_request(head, whole.at, NULL) == WF_OK) {
        struct wf_head h;
        struct wf_header fields[8];
        wf_head_split(head, whole.at, &h, fields, 8);
        WF_ASSERT(*h.method && *h.target && (h.version == 10 || h.version == 11));
        for (size_t i = 0; i < h.n && i < 8; i++)
            WF_ASSERT(*fields[i].name && !strpbrk(fields[i].value, "\r\n"));
    }
    free(head);
    return 0;
}
