// SPDX-License-Identifier: Apache-2.0
// Connections on real loops and loopback sockets: echo, refusal, drain, timeouts, moving to another
// loop.
#include "tls/listener.h"

#include "check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"
#include "testcert.h"

static struct testcert_dir dir;
static uv_loop_t loop;

// --- what the tests stand on ---

struct world {
    struct wf_tls *server_tls, *client_tls;
    struct wf_listener *listener;
    char address[32];
    unsigned opened, closed, drained; // on the server's side
    struct wf_conn *last;
    struct wf_identity last_peer;
    struct wf_err last_err;
    char refused[256];
    bool done; // the listener's
    struct wf_conn_parcel *parcel;
    bool take; // detach what opens
};

static int server_open(void *ctx, struct wf_conn *conn)
{
    struct world *w = ctx;
    wf_conn_set_user(conn, w);
    w->opened++;
    w->last = conn;
    w->last_peer = *wf_conn_peer(conn);
    if (w->take)
        assert_int_equal(wf_conn_detach(conn, &w->parcel, NULL), WF_OK);
    return WF_OK;
}

static void server_read(struct wf_conn *conn, void *user, const uint8_t *data, size_t len)
{
    (void)user;
    (void)wf_conn_write(conn, data, len); // fails when it was closed meanwhile
    if (!wf_conn_may_write(conn))
        wf_conn_pause(conn);
}

static void server_writable(struct wf_conn *conn, void *user)
{
    (void)user;
    wf_conn_resume(conn);
}

static void server_closed(struct wf_conn *conn, void *user, const struct wf_err *err)
{
    struct world *w = user;
    (void)conn;
    w->closed++;
    w->last_err = *err;
}

static void server_drain(struct wf_conn *conn, void *user)
{
    struct world *w = user;
    w->drained++;
    wf_conn_close(conn, true);
}

static void on_refused(void *ctx, const char *address, const char *why)
{
    struct world *w = ctx;
    assert_memory_equal(address, "127.0.0.1:", 10);
    snprintf(w->refused, sizeof w->refused, "%s", why);
}

static void set_done(void *ctx)
{
    *(bool *)ctx = true;
}

static void open_world(struct world *w)
{
    struct wf_err err = {0};
    *w = (struct world){0};
    const struct wf_conn_proto protos[] = {{.alpn = "raft/1",
                                            .needs_node = true,
                                            .no_tickets = true,
                                            .open = server_open,
                                            .read = server_read,
                                            .closed = server_closed,
                                            .ctx = w},
                                           {.alpn = "echo",
                                            .open = server_open,
                                            .read = server_read,
                                            .writable = server_writable,
                                            .closed = server_closed,
                                            .drain = server_drain,
                                            .ctx = w}};
    const struct wf_listener_options o = {.address = "127.0.0.1:0",
                                          .protos = protos,
                                          .n_protos = 2,
                                          .on_refused = on_refused,
                                          .ctx = w};
    w->server_tls = testcert_load(&dir, "ca", "node", "prod");
    w->client_tls = testcert_load(&dir, "ca", "user", NULL);
    assert_int_equal(wf_listener_open(&w->listener, &loop, w->server_tls, &o, &err), WF_OK);
    snprintf(w->address, sizeof w->address, "127.0.0.1:%u", wf_listener_port(w->listener));
}

static void run_until(const bool *flag)
{
    while (!*flag && uv_run(&loop, UV_RUN_ONCE))
        continue;
    assert_true(*flag);
}

static void close_world(struct world *w)
{
    w->done = false;
    wf_listener_close(w->listener, set_done, &w->done);
    uv_run(&loop, UV_RUN_DEFAULT); // ends only if nothing was left behind
    assert_true(w->done);
    wf_tls_unref(w->server_tls);
    wf_tls_unref(w->client_tls);
}

// A client that sends a pattern and checks that it comes back.
struct client {
    struct wf_conn *conn;
    size_t to_send, sent, got;
    bool opened, closed, all;
    bool hold; // stay open when all has come
    struct wf_err err;
};

static void send_more(struct client *c)
{
    uint8_t piece[10000];
    while (c->sent < c->to_send && wf_conn_may_write(c->conn)) {
        size_t n = c->to_send - c->sent < sizeof piece ? c->to_send - c->sent : sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = (uint8_t)((c->sent + i) % 251);
        assert_int_equal(wf_conn_write(c->conn, piece, n), WF_OK);
        c->sent += n;
    }
}

static int client_open(void *ctx, struct wf_conn *conn)
{
    struct client *c = ctx;
    c->conn = conn;
    c->opened = true;
    send_more(c);
    return WF_OK;
}

static void client_read(struct wf_conn *conn, void *user, const uint8_t *data, size_t len)
{
    struct client *c = user;
    for (size_t i = 0; i < len; i++)
        assert_int_equal(data[i], (c->got + i) % 251);
    c->got += len;
    c->all = c->got == c->to_send;
    if (c->all && !c->hold)
        wf_conn_close(conn, true);
}

static void client_writable(struct wf_conn *conn, void *user)
{
    (void)conn;
    send_more(user);
}

static void client_closed(struct wf_conn *conn, void *user, const struct wf_err *err)
{
    struct client *c = user;
    (void)conn;
    c->closed = true;
    c->err = *err;
}

static void dial(struct client *c, struct wf_tls *t, const char *address, const char *alpn)
{
    const struct wf_conn_proto proto = {.alpn = alpn,
                                        .open = client_open,
                                        .read = client_read,
                                        .writable = client_writable,
                                        .closed = client_closed,
                                        .ctx = c};
    c->conn = wf_conn_dial(&loop, t, address, NULL, &proto);
    assert_non_null(c->conn);
    assert_false(c->closed); // never within the call
    wf_conn_set_user(c->conn, c);
}

// --- tests ---

static void echoes_much_and_little(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    static const size_t sizes[] = {1, 16384, 16385, 8 * 1000 * 1000};
    for (size_t i = 0; i < 4; i++) {
        struct client c = {.to_send = sizes[i]};
        dial(&c, w.client_tls, w.address, "echo");
        run_until(&c.closed);
        assert_int_equal(c.err.code, WF_CANCELLED); // closed here
        assert_int_equal(c.got, sizes[i]);
        assert_string_equal(w.last_peer.name, "jo");
    }
    assert_int_equal(w.opened, 4);
    close_world(&w);
    assert_int_equal(w.closed, 4);
}

static void many_at_once(void **state)
{
    enum { N = 150 }; // more than there are slots for handshakes
    struct world w;
    (void)state;
    open_world(&w);
    struct client *all = calloc(N, sizeof *all);
    for (int i = 0; i < N; i++) {
        all[i].to_send = 100;
        dial(&all[i], w.client_tls, w.address, "echo");
    }
    for (int i = 0; i < N; i++) {
        run_until(&all[i].closed);
        assert_int_equal(all[i].got, 100);
    }
    close_world(&w);
    free(all);
}

static void a_refusal_reaches_both_sides(void **state)
{
    struct world w;
    struct client c = {.to_send = 10};
    (void)state;
    open_world(&w);
    struct wf_tls *foreign = testcert_load(&dir, "ca", "foreign", NULL);
    dial(&c, foreign, w.address, "echo");
    run_until(&c.closed);
    assert_true(c.opened); // in TLS 1.3 the client learns it only now
    assert_int_equal(c.err.code, WF_UNAUTHENTICATED);
    assert_non_null(strstr(c.err.msg, "the server refused our certificate"));
    assert_non_null(strstr(w.refused, "not of cluster 'prod'"));
    assert_int_equal(w.opened, 0);
    wf_tls_unref(foreign);
    c = (struct client){.to_send = 10};
    dial(&c, w.client_tls, w.address, "raft/1"); // a user
    run_until(&c.closed);
    assert_non_null(strstr(w.refused, "not a node"));
    close_world(&w);
}

static void dialling_fails_in_words(void **state)
{
    static const struct {
        const char *address, *words;
    } bad[] = {{"127.0.0.1:1", "connection refused"},
               {"nonsense", "HOST:PORT"},
               {":80", "HOST:PORT"},
               {"127.0.0.1:", "HOST:PORT"}};
    struct world w;
    (void)state;
    open_world(&w);
    for (size_t i = 0; i < 4; i++) {
        struct client c = {0};
        dial(&c, w.client_tls, bad[i].address, "echo");
        run_until(&c.closed);
        assert_false(c.opened);
        if (!strstr(c.err.msg, bad[i].words))
            fail_msg("%s: %s", bad[i].address, c.err.msg);
    }
    // Given up before it was resolved.
    struct client c = {0};
    dial(&c, w.client_tls, w.address, "echo");
    wf_conn_close(c.conn, true);
    run_until(&c.closed);
    assert_int_equal(c.err.code, WF_CANCELLED);
    close_world(&w);
}

static void a_port_in_use_is_named(void **state)
{
    struct world w;
    struct wf_listener *second = NULL;
    struct wf_err err = {0};
    (void)state;
    open_world(&w);
    const struct wf_conn_proto proto = {.alpn = "echo"};
    const struct wf_listener_options o = {.address = w.address, .protos = &proto, .n_protos = 1};
    assert_int_equal(wf_listener_open(&second, &loop, w.server_tls, &o, &err),
                     WF_FAILED_PRECONDITION);
    assert_string_equal(err.reason, "ADDRESS_IN_USE");
    assert_non_null(strstr(err.msg, w.address));
    close_world(&w);
}

// In the place of the system's, as one whose administrator has set net.ipv6.bindv6only.
int socket(int family, int type, int protocol)
{
    int on = 1, fd = (int)syscall(SYS_socket, family, type, protocol);
    if (fd >= 0 && family == AF_INET6)
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), 0);
    return fd;
}

static void all_addresses_are_ipv4_ones_too(void **state)
{
    struct wf_err err = {0};
    int fd = -1, only = 1;
    socklen_t len = sizeof only;
    (void)state;
    assert_int_equal(wf_listener_bind(&fd, ":0", false, &err), WF_OK);
    assert_int_equal(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len), 0);
    assert_int_equal(only, 0);
    close(fd);
}

static void drain_asks_each_protocol(void **state)
{
    struct world w;
    struct client c = {.to_send = 10, .hold = true};
    (void)state;
    open_world(&w);
    dial(&c, w.client_tls, w.address, "echo");
    run_until(&c.all);
    wf_listener_drain(w.listener, 5000, set_done, &w.done);
    run_until(&w.done);
    assert_int_equal(w.drained, 1);
    assert_int_equal(w.closed, 1);
    run_until(&c.closed);
    assert_int_equal(c.err.code, WF_UNAVAILABLE);
    // New ones find nobody.
    c = (struct client){0};
    dial(&c, w.client_tls, w.address, "echo");
    run_until(&c.closed);
    assert_false(c.opened);
    close_world(&w);
}

static void drain_ends_though_a_protocol_does_not(void **state)
{
    struct world w;
    struct client c = {.to_send = 10, .hold = true};
    (void)state;
    open_world(&w);
    struct wf_tls *node = testcert_load(&dir, "ca", "node", NULL);
    dial(&c, node, w.address, "raft/1"); // its protocol knows no drain: closed at once
    run_until(&c.all);
    wf_listener_drain(w.listener, 50, set_done, &w.done);
    run_until(&w.done);
    run_until(&c.closed);
    wf_tls_unref(node);
    close_world(&w);
}

static void an_idle_connection_is_closed(void **state)
{
    struct world w;
    struct client c = {.to_send = 10, .hold = true};
    (void)state;
    open_world(&w);
    dial(&c, w.client_tls, w.address, "echo");
    run_until(&c.all);
    wf_conn_set_idle_timeout(w.last, 30);
    run_until(&c.closed);
    close_world(&w);
    assert_int_equal(w.last_err.code, WF_DEADLINE_EXCEEDED);
}

static void a_peer_that_never_reads_is_cut(void **state)
{
    struct world w;
    struct client c = {.to_send = 10, .hold = true};
    (void)state;
    open_world(&w);
    dial(&c, w.client_tls, w.address, "echo");
    run_until(&c.all);
    wf_conn_pause(c.conn);
    static uint8_t piece[256 * 1024];
    int rc = WF_OK;
    for (int i = 0; i < 200 && rc == WF_OK; i++)
        rc = wf_conn_write(w.last, piece, sizeof piece); // heeds no mark
    assert_int_equal(rc, WF_RESOURCE_EXHAUSTED);
    assert_true(wf_conn_write(w.last, piece, 1) != WF_OK);
    close_world(&w);
    assert_int_equal(w.last_err.code, WF_RESOURCE_EXHAUSTED);
    wf_conn_close(c.conn, false);
    uv_run(&loop, UV_RUN_DEFAULT);
}

// Sockets that begin a handshake and say no more: they must not keep the others out.
static void idle_handshakes_do_not_block(void **state)
{
    struct world w;
    struct client c = {.to_send = 10};
    int fds[WF_HANDSHAKES_MAX + 20];
    (void)state;
    open_world(&w);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(w.address + 10))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof to), 0);
        assert_int_equal(write(fds[i], "\x16\x03\x01", 3), 3);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    dial(&c, w.client_tls, w.address, "echo");
    run_until(&c.closed);
    assert_true(c.opened);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        close(fds[i]);
    close_world(&w);
}

// A connection that came when there was no descriptor for it waits, and those there are go on.
static void no_descriptors_keep_a_connection_waiting(void **state)
{
    struct world w;
    struct client old = {.to_send = 10, .hold = true}, later = {.to_send = 10};
    struct rlimit had, none;
    (void)state;
    open_world(&w);
    dial(&old, w.client_tls, w.address, "echo");
    run_until(&old.all);
    int fd = socket(AF_INET, SOCK_STREAM, 0), next = dup(fd);
    assert_int_equal(close(next), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    none = (struct rlimit){(rlim_t)next, had.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(w.address + 10))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    old.sent = old.got = 0;
    old.all = false;
    send_more(&old);
    run_until(&old.all);
    assert_int_equal(wf_listener_connections(w.listener), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
    dial(&later, w.client_tls, w.address, "echo");
    run_until(&later.closed);
    assert_true(later.all);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1); // it was not turned away
    assert_int_equal(errno, EAGAIN);
    close(fd);
    wf_conn_close(old.conn, true);
    run_until(&old.closed);
    close_world(&w);
}

// --- another loop ---

struct other {
    struct wf_conn_parcel *parcel;
    struct world *w;
    bool over;
};

static void other_closed(struct wf_conn *conn, void *user, const struct wf_err *err)
{
    struct other *o = user;
    (void)conn, (void)err;
    o->over = true;
}

static int other_open(void *ctx, struct wf_conn *conn)
{
    wf_conn_set_user(conn, ctx);
    return WF_OK;
}

static void other_thread(void *arg)
{
    struct other *o = arg;
    uv_loop_t own;
    uv_loop_init(&own);
    const struct wf_conn_proto proto = {.alpn = "echo",
                                        .open = other_open,
                                        .read = server_read,
                                        .writable = server_writable,
                                        .closed = other_closed,
                                        .ctx = o};
    struct wf_conn *conn = wf_conn_adopt(&own, o->parcel, &proto, NULL);
    if (conn && strcmp(wf_conn_peer(conn)->name, "jo") == 0)
        uv_run(&own, UV_RUN_DEFAULT);
    uv_loop_close(&own);
}

static void a_connection_moves_to_another_loop(void **state)
{
    struct world w;
    struct client c = {.to_send = 3 * 1000 * 1000};
    uv_thread_t thread;
    (void)state;
    open_world(&w);
    w.take = true;
    dial(&c, w.client_tls, w.address, "echo");
    while (!w.parcel)
        uv_run(&loop, UV_RUN_ONCE);
    struct other o = {.parcel = w.parcel, .w = &w};
    uv_thread_create(&thread, other_thread, &o);
    run_until(&c.closed); // all of it came back, from the other loop
    assert_int_equal(c.got, c.to_send);
    uv_thread_join(&thread);
    assert_true(o.over);
    close_world(&w);
    assert_int_equal(w.closed, 0); // not the listener's any more
}

static void a_parcel_nobody_wants_is_closed(void **state)
{
    struct world w;
    struct client c = {.to_send = 10};
    (void)state;
    open_world(&w);
    w.take = true;
    dial(&c, w.client_tls, w.address, "echo");
    while (!w.parcel)
        uv_run(&loop, UV_RUN_ONCE);
    wf_conn_parcel_free(w.parcel);
    run_until(&c.closed);
    assert_int_equal(c.err.code, WF_UNAVAILABLE);
    close_world(&w);
}

static void a_reload_leaves_the_living_alone(void **state)
{
    struct world w;
    struct client old = {.to_send = 10, .hold = true}, new = {.to_send = 10};
    (void)state;
    open_world(&w);
    dial(&old, w.client_tls, w.address, "echo");
    run_until(&old.all);
    struct wf_tls *next = testcert_load(&dir, "ca", "node2", "prod");
    wf_listener_set_tls(w.listener, next);
    wf_tls_unref(next);
    dial(&new, w.client_tls, w.address, "echo");
    while (!new.opened)
        uv_run(&loop, UV_RUN_ONCE);
    assert_string_equal(wf_conn_peer(new.conn)->name, "iad-1");
    assert_string_equal(wf_conn_peer(old.conn)->name, "fra-1");
    run_until(&new.closed);
    old.got = 0;
    old.sent = 0;
    old.all = old.hold = false;
    send_more(&old);
    run_until(&old.closed);
    assert_true(old.all);
    close_world(&w);
}

static int set_up(void **state)
{
    (void)state;
    dir = testcert_new();
    testcert_ca(&dir, "ca");
    testcert_leaf(&dir, "ca", "node", "spiffe://prod/node/fra-1", -3600, 86400);
    testcert_leaf(&dir, "ca", "node2", "spiffe://prod/node/iad-1", -3600, 86400);
    testcert_leaf(&dir, "ca", "user", "spiffe://prod/user/jo", -3600, 86400);
    testcert_leaf(&dir, "ca", "foreign", "spiffe://stage/user/jo", -3600, 86400);
    return uv_loop_init(&loop);
}

static int tear_down(void **state)
{
    (void)state;
    testcert_remove(&dir);
    return uv_loop_close(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes_much_and_little),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(a_refusal_reaches_both_sides),
        cmocka_unit_test(dialling_fails_in_words),
        cmocka_unit_test(a_port_in_use_is_named),
        cmocka_unit_test(all_addresses_are_ipv4_ones_too),
        cmocka_unit_test(drain_asks_each_protocol),
        cmocka_unit_test(drain_ends_though_a_protocol_does_not),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(a_peer_that_never_reads_is_cut),
        cmocka_unit_test(idle_handshakes_do_not_block),
        cmocka_unit_test(no_descriptors_keep_a_connection_waiting),
        cmocka_unit_test(a_connection_moves_to_another_loop),
        cmocka_unit_test(a_parcel_nobody_wants_is_closed),
        cmocka_unit_test(a_reload_leaves_the_living_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
