// SPDX-License-Identifier: Apache-2.0
#include "cli/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "watchfire/v1/log.pb-c.h"

static const uint8_t MAGIC[8] = {'W', 'F', 'L', 'O', 'G', 0, 0, 1};

void wf_record_begin(struct wf_record_chain *chain)
{
    *chain = (struct wf_record_chain){0};
}

int wf_record_next(struct wf_record_chain *chain, const uint8_t *canonical, size_t len,
                   const uint8_t *hash, size_t hash_len, struct wf_err *err)
{
    uint64_t expected = chain->seq + 1;
    uint8_t is[WF_HASH_SIZE];
    wf_hash_pair(chain->head, sizeof(chain->head), canonical, len, is);
    if (hash_len != WF_HASH_SIZE || memcmp(is, hash, WF_HASH_SIZE) != 0)
        return wf_fail_reason(err, WF_DATA_LOSS, "BROKEN_CHAIN",
                              "the chain breaks at event %" PRIu64
                              ": its hash does not follow from its bytes and the event before",
                              expected);
    Watchfire__V1__Event *e = watchfire__v1__event__unpack(NULL, len, canonical);
    uint64_t seq = e ? e->seq : 0;
    if (e)
        watchfire__v1__event__free_unpacked(e, NULL);
    if (seq != expected)
        return wf_fail_reason(err, WF_DATA_LOSS, "BROKEN_CHAIN",
                              "where event %" PRIu64 " should be stands %s %" PRIu64, expected,
                              e ? "event" : "no event:", seq);
    chain->seq = seq;
    memcpy(chain->head, is, sizeof(is));
    return WF_OK;
}

static int write_all(FILE *f, const void *data, size_t len, struct wf_err *err)
{
    if (fwrite(data, 1, len, f) == len)
        return WF_OK;
    return wf_fail(err, wf_code_from_errno(errno), "cannot write the export: %s", strerror(errno));
}

int wf_record_write_head(FILE *f, struct wf_err *err)
{
    return write_all(f, MAGIC, sizeof(MAGIC), err);
}

int wf_record_write(FILE *f, const uint8_t *canonical, size_t len, const uint8_t hash[WF_HASH_SIZE],
                    struct wf_err *err)
{
    uint8_t size[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
                       (uint8_t)(len >> 24)};
    int rc = write_all(f, size, sizeof(size), err);
    if (rc == WF_OK)
        rc = write_all(f, canonical, len, err);
    return rc == WF_OK ? write_all(f, hash, WF_HASH_SIZE, err) : rc;
}

// 1: n bytes are there; 0: the file ends here; -1: it ends in the middle, or cannot be read.
static int read_exactly(FILE *f, void *out, size_t n)
{
    size_t got = fread(out, 1, n, f);
    return got == n ? 1 : got == 0 && !ferror(f) ? 0 : -1;
}

static int cut_short(const struct wf_record_chain *chain, struct wf_err *err)
{
    return wf_fail_reason(err, WF_DATA_LOSS, "BROKEN_CHAIN",
                          "the export is cut off after event %" PRIu64, chain->seq);
}

// WF_OK and *end at the end of the file.
static int verify_one(FILE *f, uint8_t *buffer, struct wf_record_chain *chain, uint64_t *bytes,
                      bool *end, struct wf_err *err)
{
    uint8_t size[4];
    int there = read_exactly(f, size, sizeof(size));
    *end = there == 0;
    if (there <= 0)
        return *end ? WF_OK : cut_short(chain, err);
    size_t len = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
    if (len > WF_MESSAGE_MAX)
        return wf_fail_reason(err, WF_DATA_LOSS, "BROKEN_CHAIN",
                              "the record after event %" PRIu64 " claims %zu bytes", chain->seq,
                              len);
    if (read_exactly(f, buffer, len + WF_HASH_SIZE) != 1)
        return cut_short(chain, err);
    *bytes += sizeof(size) + len + WF_HASH_SIZE;
    return wf_record_next(chain, buffer, len, buffer + len, WF_HASH_SIZE, err);
}

int wf_record_verify_file(FILE *f, struct wf_record_chain *chain,
                          void (*progress)(void *ctx, uint64_t bytes), void *ctx,
                          struct wf_err *err)
{
    uint8_t magic[sizeof(MAGIC)];
    wf_record_begin(chain);
    if (read_exactly(f, magic, sizeof(magic)) != 1 || memcmp(magic, MAGIC, sizeof(MAGIC)) != 0)
        return wf_fail(err, WF_DATA_LOSS, "this is no export of `watchfire log export`");
    uint8_t *buffer = malloc(WF_MESSAGE_MAX + WF_HASH_SIZE);
    if (!buffer)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    uint64_t bytes = sizeof(MAGIC);
    bool end = false;
    int rc = WF_OK;
    while (rc == WF_OK && !end) {
        rc = verify_one(f, buffer, chain, &bytes, &end, err);
        if (progress && chain->seq % 256 == 0)
            progress(ctx, bytes);
    }
    free(buffer);
    return rc;
}
