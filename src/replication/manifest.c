// SPDX-License-Identifier: Apache-2.0
#include "replication/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"

enum { MANIFEST_VERSION = 1 };

void wf_manifest_encode(uint8_t out[WF_MANIFEST_SIZE], wf_unix_ms time,
                        const struct wf_image_info *info)
{
    uint64_t numbers[3] = {(uint64_t)time, info->index, info->size};
    uint8_t *p = out;

    *p++ = MANIFEST_VERSION;
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned b = 0; b < 8; b++)
            *p++ = (uint8_t)(numbers[i] >> (8 * b));
    }
    memcpy(p, info->hash, WF_HASH_SIZE);
    memcpy(p + WF_HASH_SIZE, info->digest, WF_HASH_SIZE);
    WF_ASSERT(p + 2 * WF_HASH_SIZE == out + WF_MANIFEST_SIZE);
}

int wf_manifest_decode(struct wf_bytes in, wf_unix_ms *time, struct wf_image_info *info)
{
    struct wf_reader r = wf_reader_of(in.data, in.len);
    uint8_t version = wf_get_u8(&r);
    const uint8_t *hashes;

    *time = (wf_unix_ms)wf_get_u64(&r);
    info->index = wf_get_u64(&r);
    info->size = wf_get_u64(&r);
    hashes = wf_get_bytes(&r, 2 * WF_HASH_SIZE);
    if (hashes == NULL || r.left != 0 || version != MANIFEST_VERSION)
        return WF_DATA_LOSS;
    memcpy(info->hash, hashes, WF_HASH_SIZE);
    memcpy(info->digest, hashes + WF_HASH_SIZE, WF_HASH_SIZE);
    return WF_OK;
}

static int bytes_copy(struct wf_bytes from, struct wf_bytes *to)
{
    uint8_t *p = malloc(from.len + 1);

    if (p == NULL)
        return WF_RESOURCE_EXHAUSTED;
    if (from.len > 0)
        memcpy(p, from.data, from.len);
    *to = (struct wf_bytes){p, from.len};
    return WF_OK;
}

int wf_manifest_copy(const struct wf_manifest *from, struct wf_manifest *to)
{
    *to = *from;
    to->configuration = to->data = (struct wf_bytes){0};
    if (bytes_copy(from->configuration, &to->configuration) == WF_OK &&
        bytes_copy(from->data, &to->data) == WF_OK)
        return WF_OK;
    wf_manifest_free(to);
    return WF_RESOURCE_EXHAUSTED;
}

void wf_manifest_free(struct wf_manifest *m)
{
    free((void *)m->configuration.data);
    free((void *)m->data.data);
    *m = (struct wf_manifest){0};
}

int wf_image_path(char out[WF_IMAGE_PATH_MAX], const char *dir, const struct wf_image_info *info,
                  const char *suffix)
{
    char hex[WF_HASH_HEX_SIZE];
    int n = snprintf(out, WF_IMAGE_PATH_MAX, "%s/%s%s", dir, wf_hex(info->hash, WF_HASH_SIZE, hex),
                     suffix);

    return n > 0 && n < WF_IMAGE_PATH_MAX ? WF_OK : WF_INVALID_ARGUMENT;
}
