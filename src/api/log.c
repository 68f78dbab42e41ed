// SPDX-License-Identifier: Apache-2.0
// LogService beyond queries: the export stream, and the check of this node's own copy.
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/rules.h"
#include "base/assert.h"
#include "watchfire/v1/log.pb-c.h"

// --- ExportLog -----------------------------------------------------------------------------------

enum { EXPORT_RECORDS = 500, EXPORT_BYTES = 256 * 1024 };

struct export
{
    struct wf_api *api;
    uint64_t seen;     // last seq sent
    uint64_t last_seq; // newest when it began: the export's end
    // The message under construction.
    struct wf_buf message;
    unsigned n;
    uint64_t upto;
};

static void put_varint(struct wf_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        wf_buf_put_u8(b, (uint8_t)(v | 0x80));
    wf_buf_put_u8(b, (uint8_t)v);
}

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

// A LogRecord within the packed ExportLogResponse: field 1 of it, itself of two byte fields.
static bool put_record(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                       const uint8_t hash[WF_HASH_SIZE])
{
    struct export *x = ctx;
    struct wf_buf *b = &x->message;
    if (seq > x->last_seq)
        return false;
    wf_buf_put_u8(b, 1 << 3 | 2);
    put_varint(b, 1 + varint_size(len) + len + 2 + WF_HASH_SIZE);
    wf_buf_put_u8(b, 1 << 3 | 2);
    put_varint(b, len);
    wf_buf_append(b, canonical, len);
    wf_buf_put_u8(b, 2 << 3 | 2);
    wf_buf_put_u8(b, WF_HASH_SIZE);
    if (wf_buf_append(b, hash, WF_HASH_SIZE) != WF_OK)
        return false;
    x->n++;
    x->upto = seq;
    return b->len < EXPORT_BYTES;
}

static int fill_message(struct export *x, struct wf_err *err)
{
    wf_buf_reset(&x->message);
    x->n = 0;
    int rc = wf_state_events(x->api->reader, "", x->seen, EXPORT_RECORDS, put_record, x, err);
    if (rc == WF_OK && x->message.failed)
        rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    wf_buf_put_u8(&x->message, 2 << 3);
    put_varint(&x->message, x->last_seq);
    return rc;
}

// Send until the client's window is full or everything is sent. A message that found no room is
// made anew when there is some: nothing is kept meanwhile.
static void export_more(struct wf_call *call, void *user)
{
    struct export *x = user;
    struct wf_err err;
    while (x->seen < x->last_seq) {
        int rc = fill_message(x, &err);
        if (rc == WF_OK && x->n == 0)
            rc = wf_fail(&err, WF_DATA_LOSS, "the log ends at seq %llu, but began with %llu",
                         (unsigned long long)x->seen, (unsigned long long)x->last_seq);
        if (rc != WF_OK) {
            wf_api_fail(x->api, call, &err);
            return;
        }
        if (!wf_call_send_packed(call, x->message.data, x->message.len))
            return;
        x->seen = x->upto;
    }
    wf_call_finish(call);
}

static void export_over(struct wf_call *call, void *user)
{
    struct export *x = user;
    (void)call;
    wf_buf_free(&x->message);
    free(x);
}

void wf_export_log(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    const Watchfire__V1__ExportLogRequest *q = (const void *)wf_call_request(call);
    struct wf_err err;
    (void)who;
    struct export *x = calloc(1, sizeof *x);
    int rc = x ? WF_OK : wf_fail(&err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK && wf_api_fenced(api, &err))
        rc = err.code;
    if (rc == WF_OK)
        rc = wf_api_newest_seq(api, &x->last_seq, &err);
    if (rc != WF_OK) {
        wf_api_fail(api, call, &err);
        free(x);
        return;
    }
    x->api = api;
    x->seen = q->after_seq;
    wf_buf_init(&x->message, EXPORT_BYTES + 4 * WF_COMMAND_MAX);
    wf_call_set_user(call, x, export_over);
    wf_call_on_writable(call, export_more);
    wf_call_ref(call);
    export_more(call, x);
    wf_call_unref(call);
}

// --- VerifyLog -----------------------------------------------------------------------------------

// A check of the whole chain takes seconds: it has a reader of its own, on the pool.
struct verify {
    uv_work_t work;
    struct wf_api *api;
    struct wf_call *call;
    struct wf_state_reader *reader;
    int rc;
    struct wf_err err;
    uint64_t events, broken;
    uint8_t head[WF_HASH_SIZE];
};

static void verify_run(uv_work_t *work)
{
    struct verify *v = work->data;
    v->rc = wf_state_verify(v->reader, &v->events, &v->broken, v->head, &v->err);
}

static void verify_done(uv_work_t *work, int status)
{
    struct verify *v = work->data;
    struct wf_api *api = v->api;
    (void)status; // never cancelled
    api->verifying = false;
    api->jobs--;
    if (v->rc != WF_OK) {
        wf_api_fail(api, v->call, &v->err);
    } else {
        Watchfire__V1__VerifyLogResponse r = WATCHFIRE__V1__VERIFY_LOG_RESPONSE__INIT;
        r.valid = v->broken == 0;
        r.events = v->events;
        r.broken_seq = v->broken;
        r.head = (ProtobufCBinaryData){sizeof v->head, v->head};
        r.node = (char *)api->o.node;
        wf_call_reply(v->call, &r.base);
    }
    wf_state_reader_close(v->reader);
    wf_call_unref(v->call);
    free(v);
}

void wf_verify_log(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    struct wf_err err;
    (void)who;
    if (api->verifying) {
        wf_fail_reason(&err, WF_RESOURCE_EXHAUSTED, "VERIFY_RUNNING",
                       "this node is checking its log already: try again when it is done");
        wf_api_fail(api, call, &err);
        return;
    }
    struct verify *v = calloc(1, sizeof *v);
    int rc = v ? wf_state_reader_open(&v->reader, api->o.state, &err)
               : wf_fail(&err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc != WF_OK) {
        wf_api_fail(api, call, &err);
        free(v);
        return;
    }
    v->work.data = v;
    v->api = api;
    v->call = wf_call_ref(call);
    api->verifying = true;
    api->jobs++;
    rc = uv_queue_work(api->o.loop, &v->work, verify_run, verify_done);
    WF_ASSERT(rc == 0);
}
