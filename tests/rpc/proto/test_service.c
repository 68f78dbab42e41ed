// SPDX-License-Identifier: Apache-2.0
#include "test_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "rpc/call_internal.h"
#include "watchfire/v1/common.pb-c.h"

enum { TYPES_MAX = 512, PAYLOAD_MAX = 8 * 1024 * 1024 };

extern const uint8_t wf_test_set_start[];
extern const uint8_t wf_test_set_end[];
extern const ProtobufCMessageDescriptor *const wf_test_types[];
extern const ProtobufCMessageDescriptor *const wf_message_types[];

// The types of the test and, of the product's, those that the set has: all but its own package's.
struct wf_schema *test_schema_new(void)
{
    static const ProtobufCMessageDescriptor *types[TYPES_MAX];
    struct wf_schema *schema = NULL;
    struct wf_err err;
    size_t n = 0;

    for (size_t i = 0; wf_test_types[i] != NULL; i++)
        types[n++] = wf_test_types[i];
    for (size_t i = 0; wf_message_types[i] != NULL; i++)
        if (strncmp(wf_message_types[i]->name, "grpc.", 5) == 0 ||
            strcmp(wf_message_types[i]->name, "google.protobuf.Timestamp") == 0 ||
            strcmp(wf_message_types[i]->name, "google.protobuf.Duration") == 0 ||
            strcmp(wf_message_types[i]->name, "watchfire.v1.ErrorDetail") == 0 ||
            strcmp(wf_message_types[i]->name, "watchfire.v1.DraftFinding") == 0)
            types[n++] = wf_message_types[i];
    WF_ASSERT(n < TYPES_MAX);
    types[n] = NULL;
    struct wf_schema_source source = {
        wf_test_set_start, (size_t)((uintptr_t)wf_test_set_end - (uintptr_t)wf_test_set_start),
        types};
    if (wf_schema_new(&source, &schema, &err) != WF_OK)
        fprintf(stderr, "test schema: %s\n", err.msg);
    return schema;
}

// --- unary --------------------------------------------------------------------------------------

static void echo(struct wf_call *call, const Watchfire__Test__V1__EchoRequest *q)
{
    Watchfire__Test__V1__EchoResponse r = WATCHFIRE__TEST__V1__ECHO_RESPONSE__INIT;
    uint8_t *payload = NULL;

    r.text = q->text;
    r.kinds = q->kinds;
    r.payload = q->payload;
    if (q->response_size > 0 && q->response_size <= PAYLOAD_MAX) {
        payload = calloc(1, q->response_size);
        r.payload = (ProtobufCBinaryData){payload != NULL ? q->response_size : 0, payload};
    }
    wf_call_reply(call, &r.base);
    free(payload);
}

static void fail(struct wf_call *call, const Watchfire__Test__V1__FailRequest *q)
{
    Watchfire__V1__ErrorDetail detail = WATCHFIRE__V1__ERROR_DETAIL__INIT;
    struct wf_err err;

    int code = q->code > 0 && q->code < WF_CODE_MAX_ ? q->code : WF_UNKNOWN;
    wf_fail(&err, (enum wf_code)code, "%s", q->message);
    detail.reason = (char *)"ASKED_TO";
    detail.holder = q->holder;
    wf_call_fail(call, &err, q->holder[0] != '\0' ? &detail.base : NULL);
}

// --- sleepers -----------------------------------------------------------------------------------

static unsigned given_up;
static struct wf_call *sleeper;

unsigned test_service_given_up(void)
{
    return given_up;
}

struct wf_call *test_service_sleeper(void)
{
    return sleeper;
}

struct sleep {
    uv_timer_t timer;
    struct wf_call *call;
    bool answered;
};

static void free_sleep(uv_handle_t *h)
{
    free(h);
}

static void sleep_over(struct wf_call *call, void *user)
{
    struct sleep *s = user;

    if (!s->answered)
        given_up++;
    if (sleeper == call)
        sleeper = NULL;
    uv_close((uv_handle_t *)&s->timer, free_sleep);
    wf_call_unref(call);
}

static void wake(uv_timer_t *timer)
{
    struct sleep *s = (struct sleep *)timer;
    Watchfire__Test__V1__SleepResponse r = WATCHFIRE__TEST__V1__SLEEP_RESPONSE__INIT;

    s->answered = true;
    r.given_up = given_up;
    wf_call_reply(s->call, &r.base);
}

static void go_to_sleep(struct wf_call *call, const Watchfire__Test__V1__SleepRequest *q)
{
    struct sleep *s = calloc(1, sizeof *s);

    WF_ASSERT(s != NULL);
    s->call = sleeper = wf_call_ref(call);
    uv_timer_init(wf_rpc_server_loop(call->server), &s->timer);
    uv_unref((uv_handle_t *)&s->timer);
    if (q->ms > 0)
        uv_timer_start(&s->timer, wake, q->ms, 0);
    wf_call_set_user(call, s, sleep_over);
}

// --- streams ------------------------------------------------------------------------------------

struct counter {
    uint32_t next, count, size;
    const Watchfire__Test__V1__FailRequest *then_fail;
};

static void count_on(struct wf_call *call, void *user)
{
    struct counter *c = user;
    Watchfire__Test__V1__CountResponse r = WATCHFIRE__TEST__V1__COUNT_RESPONSE__INIT;
    uint8_t *payload = calloc(1, (size_t)c->size + 1);

    WF_ASSERT(payload != NULL);
    r.payload = (ProtobufCBinaryData){c->size, payload};
    while (c->next < c->count) {
        r.number = c->next + 1;
        if (!wf_call_send(call, &r.base))
            break;
        c->next++;
    }
    free(payload);
    if (wf_call_over(call) || c->next < c->count)
        return;
    if (c->then_fail != NULL)
        fail(call, c->then_fail);
    else
        wf_call_finish(call);
}

static void counter_over(struct wf_call *call, void *user)
{
    free(user);
    wf_call_unref(call);
}

static void count(struct wf_call *call, uint32_t n, uint32_t size,
                  const Watchfire__Test__V1__FailRequest *then_fail)
{
    struct counter *c = calloc(1, sizeof *c);

    WF_ASSERT(c != NULL);
    *c = (struct counter){0, n, size < PAYLOAD_MAX ? size : PAYLOAD_MAX, then_fail};
    wf_call_ref(call);
    wf_call_set_user(call, c, counter_over);
    wf_call_on_writable(call, count_on);
    count_on(call, c);
}

static void chat_message(struct wf_call *call, void *user, const ProtobufCMessage *message)
{
    Watchfire__Test__V1__EchoResponse r = WATCHFIRE__TEST__V1__ECHO_RESPONSE__INIT;

    (void)user;
    if (message == NULL) {
        wf_call_finish(call);
        return;
    }
    r.text = ((const Watchfire__Test__V1__EchoRequest *)(const void *)message)->text;
    wf_call_send(call, &r.base);
}

// --- the service --------------------------------------------------------------------------------

static void handle(void *ctx, struct wf_call *call)
{
    const void *q = wf_call_request(call);
    const char *name = wf_call_method(call)->name;

    (void)ctx;
    wf_call_set_metadata(call, "x-test", "seen");
    if (strcmp(name, "Echo") == 0 || strcmp(name, "Read") == 0)
        echo(call, q);
    else if (strcmp(name, "Fail") == 0)
        fail(call, q);
    else if (strcmp(name, "Sleep") == 0)
        go_to_sleep(call, q);
    else if (strcmp(name, "Count") == 0)
        count(call, ((const Watchfire__Test__V1__CountRequest *)q)->count,
              ((const Watchfire__Test__V1__CountRequest *)q)->size, NULL);
    else if (strcmp(name, "FailStream") == 0)
        count(call, ((const Watchfire__Test__V1__FailRequest *)q)->after, 0, q);
    else
        wf_call_on_message(call, chat_message);
}

void test_service_handle(struct wf_rpc_server *s)
{
    wf_rpc_server_handle(s, "watchfire.test.v1.TestService", handle, NULL);
}
