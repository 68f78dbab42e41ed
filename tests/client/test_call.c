// SPDX-License-Identifier: Apache-2.0
// Unary calls against real listeners on loopback.
#include "check.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/watchfire.h"
#include "fake_node.h"
#include "watchfire/v1/cluster.pb-c.h"
#include "watchfire/v1/incident.pb-c.h"

enum { IDS = 16 };

// What a node does with its next calls: 'u' unavailable, 'l' no leader, 's' stale epoch, 'n' never
// answers, 'o' answers. The last one stays.
struct script {
    struct fake_node *node;
    const char *answers;
    const char *leader; // named as the leader by 'l' and 'u'
    atomic_int calls;
    char ids[IDS][64];
};

static struct testcert_dir certs;

static void fail_with(struct wf_call *call, int code, const char *reason, const char *leader)
{
    struct wf_err err;
    wf_fail_reason(&err, (enum wf_code)code, reason, "not now");
    Watchfire__V1__ErrorDetail detail = WATCHFIRE__V1__ERROR_DETAIL__INIT;
    detail.reason = (char *)reason;
    detail.leader_address = (char *)(leader ? leader : "");
    detail.holder = (char *)"ricardo";
    detail.epoch = 7;
    detail.field = (char *)"epoch";
    wf_call_fail(call, &err, &detail.base);
}

static void answer_well(struct wf_call *call)
{
    Watchfire__V1__AddNoteResponse note = WATCHFIRE__V1__ADD_NOTE_RESPONSE__INIT;
    Watchfire__V1__TransferLeadershipResponse lead =
        WATCHFIRE__V1__TRANSFER_LEADERSHIP_RESPONSE__INIT;
    note.seq = 12;
    lead.leader = (char *)"fra-1";
    bool is_note = strcmp(wf_call_method(call)->name, "AddNote") == 0;
    wf_call_reply(call, is_note ? &note.base : &lead.base);
}

static void let_go(struct wf_call *call, void *user)
{
    (void)user;
    wf_call_unref(call);
}

static void on_call(void *ctx, struct wf_call *call)
{
    struct script *s = ctx;
    int i = atomic_fetch_add(&s->calls, 1);
    const ProtobufCMessage *request = wf_call_request(call);
    if (i < IDS && strcmp(wf_call_method(call)->name, "AddNote") == 0)
        snprintf(s->ids[i], sizeof(s->ids[i]), "%s",
                 ((const Watchfire__V1__AddNoteRequest *)request)->request_id);
    size_t n = strlen(s->answers);
    switch (s->answers[(size_t)i < n ? (size_t)i : n - 1]) {
    case 'u':
        fail_with(call, WF_UNAVAILABLE, "", s->leader);
        break;
    case 'l':
        fail_with(call, WF_UNAVAILABLE, "NO_LEADER", s->leader);
        break;
    case 'U':
        fail_with(call, WF_UNAVAILABLE, "UNKNOWN_OUTCOME", s->leader);
        break;
    case 'q':
        fail_with(call, WF_RESOURCE_EXHAUSTED, "QUEUE_FULL", NULL);
        break;
    case 's':
        fail_with(call, WF_FAILED_PRECONDITION, "STALE_EPOCH", NULL);
        break;
    case 'n':
        wf_call_set_user(wf_call_ref(call), NULL, let_go);
        break;
    default:
        answer_well(call);
    }
}

static void start(struct script *s, const char *answers)
{
    *s = (struct script){.answers = answers};
    s->node = fake_node_start(&certs, on_call, s);
}

static struct wf_client_options options(const char *const *endpoints, size_t n)
{
    struct wf_client_options o;
    wf_client_options_init(&o);
    o.endpoints = endpoints;
    o.n_endpoints = n;
    o.ca_file = testcert_file(&certs, "ca", ".pem");
    o.cert_file = testcert_file(&certs, "user", ".pem");
    o.key_file = testcert_file(&certs, "user", ".key");
    o.backoff_ms = 1;
    o.backoff_max_ms = 20;
    return o;
}

static struct wf_client *client_of(const struct wf_client_options *o)
{
    struct wf_client *c;
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    assert_int_equal(wf_client_new(&c, NULL, o, &err), WF_CLIENT_OK);
    return c;
}

static int add_note(struct wf_client *c, const char *id, uint64_t *seq, struct wf_client_error *err)
{
    Watchfire__V1__AddNoteRequest request = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    request.incident_id = (char *)"INC-1";
    request.text = (char *)"db-7 is read-only";
    request.request_id = (char *)id;
    ProtobufCMessage *response = NULL;
    int code = wf_client_call(c, "/watchfire.v1.IncidentService/AddNote", &request.base, &response,
                              NULL, err);
    if (response && seq)
        *seq = ((Watchfire__V1__AddNoteResponse *)response)->seq;
    assert_true((response != NULL) == (code == WF_CLIENT_OK));
    protobuf_c_message_free_unpacked(response, NULL);
    return code;
}

static int transfer(struct wf_client *c, struct wf_client_error *err)
{
    Watchfire__V1__TransferLeadershipRequest request =
        WATCHFIRE__V1__TRANSFER_LEADERSHIP_REQUEST__INIT;
    return wf_client_call(c, "/watchfire.v1.ClusterService/TransferLeadership", &request.base, NULL,
                          NULL, err);
}

static void a_call_is_answered(void **state)
{
    (void)state;
    struct script a;
    start(&a, "o");
    const char *endpoints[] = {fake_node_address(a.node)};
    struct wf_client_options o = options(endpoints, 1);
    struct wf_client *c = client_of(&o);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    uint64_t seq = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(add_note(c, "", &seq, &err), WF_CLIENT_OK);
    assert_int_equal(seq, 12);
    assert_int_equal(a.calls, 3);
    assert_int_equal(strlen(a.ids[0]), 32);
    assert_string_not_equal(a.ids[0], a.ids[1]); // a call is a call
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void count_retry(void *ctx, const struct wf_client_error *err)
{
    assert_int_equal(err->code, WF_CLIENT_UNAVAILABLE);
    ++*(int *)ctx;
}

static void a_retry_keeps_its_request_id(void **state)
{
    (void)state;
    struct script a, b;
    start(&a, "uuo");
    start(&b, "uu");
    const char *endpoints[] = {fake_node_address(a.node), fake_node_address(b.node)};
    struct wf_client_options o = options(endpoints, 2);
    int retries = 0;
    o.on_retry = count_retry;
    o.on_retry_ctx = &retries;
    struct wf_client *c = client_of(&o);
    assert_int_equal(add_note(c, "", NULL, NULL), WF_CLIENT_OK);
    assert_int_equal(retries, 4);
    assert_int_equal(a.calls, 3);
    assert_int_equal(b.calls, 2);
    assert_int_equal(strlen(a.ids[0]), 32);
    assert_string_equal(a.ids[0], b.ids[0]);
    assert_string_equal(a.ids[0], a.ids[1]);
    assert_string_equal(a.ids[0], a.ids[2]);
    assert_int_equal(add_note(c, "mine-1", NULL, NULL), WF_CLIENT_OK);
    assert_string_equal(a.ids[3], "mine-1");
    wf_client_free(c);
    fake_node_stop(a.node);
    fake_node_stop(b.node);
}

static void a_change_without_id_is_not_repeated(void **state)
{
    (void)state;
    struct script a;
    start(&a, "ulo");
    const char *endpoints[] = {fake_node_address(a.node)};
    struct wf_client_options o = options(endpoints, 1);
    struct wf_client *c = client_of(&o);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    assert_int_equal(transfer(c, &err), WF_CLIENT_UNAVAILABLE);
    assert_int_equal(err.tries, 1);
    assert_int_equal(a.calls, 1);
    assert_string_equal(err.endpoint, fake_node_address(a.node));
    // "No leader" is said before anything is done: it is asked again.
    assert_int_equal(transfer(c, &err), WF_CLIENT_OK);
    assert_int_equal(a.calls, 3);
    wf_client_error_clear(&err);
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void a_leader_hint_is_followed(void **state)
{
    (void)state;
    struct script a, b;
    start(&b, "o");
    start(&a, "l");
    a.leader = fake_node_address(b.node);
    const char *endpoints[] = {fake_node_address(a.node)}; // b is not known
    struct wf_client_options o = options(endpoints, 1);
    struct wf_client *c = client_of(&o);
    assert_int_equal(add_note(c, "", NULL, NULL), WF_CLIENT_OK);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    assert_int_equal(add_note(c, "", NULL, NULL), WF_CLIENT_OK);
    assert_int_equal(a.calls, 1); // who answered is asked first
    assert_int_equal(b.calls, 2);
    wf_client_free(c);
    fake_node_stop(a.node);
    fake_node_stop(b.node);
}

static void a_refusal_comes_with_its_detail(void **state)
{
    (void)state;
    struct script a;
    start(&a, "s");
    const char *endpoints[] = {fake_node_address(a.node)};
    struct wf_client_options o = options(endpoints, 1);
    struct wf_client *c = client_of(&o);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    for (int i = 0; i < 2; i++) { // the second one clears what the first left
        assert_int_equal(add_note(c, "", NULL, &err), WF_CLIENT_FAILED_PRECONDITION);
        assert_string_equal(err.reason, "STALE_EPOCH");
        assert_string_equal(err.message, "not now");
        assert_non_null(err.detail);
        assert_string_equal(err.detail->holder, "ricardo");
        assert_int_equal(err.detail->epoch, 7);
        assert_int_equal(err.tries, 1);
    }
    wf_client_error_clear(&err);
    assert_null(err.detail);
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void a_dead_node_is_passed_over(void **state)
{
    (void)state;
    struct script a, dead;
    start(&dead, "o");
    char gone[64];
    snprintf(gone, sizeof(gone), "%s", fake_node_address(dead.node));
    fake_node_stop(dead.node);
    start(&a, "o");
    const char *endpoints[] = {gone, fake_node_address(a.node)};
    struct wf_client_options o = options(endpoints, 2);
    struct wf_client *c = client_of(&o);
    assert_int_equal(transfer(c, NULL), WF_CLIENT_OK); // even what is not repeated: it was not sent
    assert_int_equal(a.calls, 1);
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void the_deadline_holds_over_all_tries(void **state)
{
    (void)state;
    struct script a;
    start(&a, "n");
    const char *endpoints[] = {fake_node_address(a.node)};
    struct wf_client_options o = options(endpoints, 1);
    o.timeout_ms = 300;
    struct wf_client *c = client_of(&o);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    assert_int_equal(add_note(c, "", NULL, &err), WF_CLIENT_DEADLINE_EXCEEDED);
    assert_int_equal(a.calls, 1);
    wf_client_error_clear(&err);
    wf_client_free(c);
    fake_node_stop(a.node);

    start(&a, "u");
    endpoints[0] = fake_node_address(a.node);
    c = client_of(&o);
    assert_int_equal(add_note(c, "", NULL, &err), WF_CLIENT_UNAVAILABLE);
    assert_true(err.tries > 1);
    assert_non_null(strstr(err.message, "not now")); // what it ran into last
    wf_client_error_clear(&err);
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void stop_it(void *ctx, const struct wf_client_error *err)
{
    struct script *s = ctx;
    (void)err;
    if (s->node)
        fake_node_stop(s->node);
    s->node = NULL;
}

// "No leader" tells why a call does not get on; that the node is gone since then does not.
static void what_a_node_said_is_told_rather_than_silence(void **state)
{
    (void)state;
    struct script a;
    start(&a, "l");
    const char *endpoints[] = {fake_node_address(a.node)};
    struct wf_client_options o = options(endpoints, 1);
    o.timeout_ms = 300;
    o.on_retry = stop_it;
    o.on_retry_ctx = &a;
    struct wf_client *c = client_of(&o);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    assert_int_equal(add_note(c, "", NULL, &err), WF_CLIENT_UNAVAILABLE);
    assert_null(a.node);
    assert_true(err.tries > 1);
    assert_string_equal(err.reason, "NO_LEADER");
    assert_non_null(strstr(err.message, "not now"));
    wf_client_error_clear(&err);
    wf_client_free(c);
}

// "Nothing was written" would be said of the second try only.
static void a_try_turned_away_does_not_close_an_open_one(void **state)
{
    static const struct {
        const char *answers, *reason;
        int code;
    } cases[] = {{"Uq", "UNKNOWN_OUTCOME", WF_CLIENT_UNAVAILABLE},
                 {"lq", "QUEUE_FULL", WF_CLIENT_RESOURCE_EXHAUSTED},
                 {"q", "QUEUE_FULL", WF_CLIENT_RESOURCE_EXHAUSTED}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct script a;
        start(&a, cases[i].answers);
        const char *endpoints[] = {fake_node_address(a.node)};
        struct wf_client_options o = options(endpoints, 1);
        struct wf_client *c = client_of(&o);
        struct wf_client_error err = WF_CLIENT_ERROR_INIT;
        assert_int_equal(add_note(c, "", NULL, &err), cases[i].code);
        assert_string_equal(err.reason, cases[i].reason);
        assert_non_null(strstr(err.message, "not now"));
        wf_client_error_clear(&err);
        wf_client_free(c);
        fake_node_stop(a.node);
    }
}

static void a_silent_node_is_left_for_another(void **state)
{
    (void)state;
    struct script a, b;
    start(&a, "n");
    start(&b, "o");
    const char *endpoints[] = {fake_node_address(a.node), fake_node_address(b.node)};
    struct wf_client_options o = options(endpoints, 2);
    o.try_timeout_ms = 200;
    struct wf_client *c = client_of(&o);
    assert_int_equal(add_note(c, "", NULL, NULL), WF_CLIENT_OK);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    assert_string_equal(a.ids[0], b.ids[0]);
    wf_client_free(c);
    fake_node_stop(a.node);
    fake_node_stop(b.node);
}

// A host that takes connections and says nothing: a region that is dark behind its load balancer.
static void a_node_that_never_shakes_hands_is_left(void **state)
{
    (void)state;
    struct script b;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    char dark[64];
    snprintf(dark, sizeof(dark), "127.0.0.1:%u", ntohs(at.sin_port));
    start(&b, "o");
    const char *endpoints[] = {dark, fake_node_address(b.node)};
    struct wf_client_options o = options(endpoints, 2);
    o.connect_timeout_ms = 200;
    struct wf_client *c = client_of(&o);
    assert_int_equal(transfer(c, NULL), WF_CLIENT_OK);
    assert_int_equal(b.calls, 1);
    wf_client_free(c);
    fake_node_stop(b.node);
    close(fd);
}

struct killing {
    struct script *script;
};

static void kill_when_asked(void *arg)
{
    struct killing *k = arg;
    while (k->script->calls == 0)
        usleep(1000);
    fake_node_stop(k->script->node);
}

static void a_node_that_dies_with_a_call_costs_nothing(void **state)
{
    (void)state;
    struct script a, b;
    start(&a, "n");
    start(&b, "o");
    const char *endpoints[] = {fake_node_address(a.node), fake_node_address(b.node)};
    struct wf_client_options o = options(endpoints, 2);
    struct wf_client *c = client_of(&o);
    struct killing k = {&a};
    uv_thread_t killer;
    assert_int_equal(uv_thread_create(&killer, kill_when_asked, &k), 0);
    assert_int_equal(add_note(c, "", NULL, NULL), WF_CLIENT_OK);
    assert_string_equal(a.ids[0], b.ids[0]);
    uv_thread_join(&killer);
    wf_client_free(c);
    fake_node_stop(b.node);
}

static void one_endpoint_only_when_asked(void **state)
{
    (void)state;
    struct script a, b;
    start(&a, "o");
    start(&b, "u");
    const char *endpoints[] = {fake_node_address(a.node)};
    struct wf_client_options o = options(endpoints, 1);
    struct wf_client *c = client_of(&o);
    struct wf_client_call_options only = {.endpoint = fake_node_address(b.node)};
    Watchfire__V1__AddNoteRequest request = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    assert_int_equal(wf_client_call(c, "/watchfire.v1.IncidentService/AddNote", &request.base, NULL,
                                    &only, NULL),
                     WF_CLIENT_UNAVAILABLE);
    assert_int_equal(a.calls, 0);
    assert_int_equal(b.calls, 1);
    wf_client_free(c);
    fake_node_stop(a.node);
    fake_node_stop(b.node);
}

static void a_foreign_ca_is_told_at_once(void **state)
{
    (void)state;
    struct script a;
    start(&a, "o");
    testcert_ca(&certs, "other");
    const char *endpoints[] = {fake_node_address(a.node)};
    struct wf_client_options o = options(endpoints, 1);
    o.ca_file = testcert_file(&certs, "other", ".pem");
    o.cert_file = o.key_file = NULL;
    struct wf_client *c = client_of(&o);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    assert_int_equal(add_note(c, "", NULL, &err), WF_CLIENT_UNAUTHENTICATED);
    assert_int_equal(err.tries, 1);
    assert_int_equal(a.calls, 0);
    wf_client_error_clear(&err);
    wf_client_free(c);
    fake_node_stop(a.node);
}

static void misuse_is_refused_before_the_wire(void **state)
{
    (void)state;
    const char *endpoints[] = {"127.0.0.1:1"};
    struct wf_client_options o = options(endpoints, 1);
    struct wf_client *c = client_of(&o);
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    Watchfire__V1__AddNoteRequest request = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    assert_int_equal(wf_client_call(c, "/nowhere", &request.base, NULL, NULL, &err),
                     WF_CLIENT_UNIMPLEMENTED);
    assert_int_equal(
        wf_client_call(c, "/watchfire.v1.IncidentService/AddLink", &request.base, NULL, NULL, &err),
        WF_CLIENT_INVALID_ARGUMENT);
    assert_int_equal(
        wf_client_call(c, "/watchfire.v1.LogService/WatchEvents", &request.base, NULL, NULL, &err),
        WF_CLIENT_INVALID_ARGUMENT);
    assert_int_equal(err.tries, 0);
    wf_client_free(c);

    struct wf_client_options bad = o;
    bad.n_endpoints = 0;
    assert_int_equal(wf_client_new(&c, NULL, &bad, &err), WF_CLIENT_INVALID_ARGUMENT);
    bad = o;
    bad.ca_file = NULL;
    assert_int_equal(wf_client_new(&c, NULL, &bad, &err), WF_CLIENT_INVALID_ARGUMENT);
    bad = o;
    bad.token = "with space";
    assert_int_equal(wf_client_new(&c, NULL, &bad, &err), WF_CLIENT_INVALID_ARGUMENT);
    bad = o;
    bad.size = 8;
    assert_int_equal(wf_client_new(&c, NULL, &bad, &err), WF_CLIENT_INVALID_ARGUMENT);
}

static int set_up(void **state)
{
    (void)state;
    certs = fake_node_certs();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testcert_remove(&certs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered),
        cmocka_unit_test(a_retry_keeps_its_request_id),
        cmocka_unit_test(a_change_without_id_is_not_repeated),
        cmocka_unit_test(a_leader_hint_is_followed),
        cmocka_unit_test(a_refusal_comes_with_its_detail),
        cmocka_unit_test(a_dead_node_is_passed_over),
        cmocka_unit_test(the_deadline_holds_over_all_tries),
        cmocka_unit_test(what_a_node_said_is_told_rather_than_silence),
        cmocka_unit_test(a_try_turned_away_does_not_close_an_open_one),
        cmocka_unit_test(a_silent_node_is_left_for_another),
        cmocka_unit_test(a_node_that_never_shakes_hands_is_left),
        cmocka_unit_test(a_node_that_dies_with_a_call_costs_nothing),
        cmocka_unit_test(one_endpoint_only_when_asked),
        cmocka_unit_test(a_foreign_ca_is_told_at_once),
        cmocka_unit_test(misuse_is_refused_before_the_wire),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
