// SPDX-License-Identifier: Apache-2.0
#include "daemon/run.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "daemon/begin.h"
#include "daemon/consensus.h"
#include "daemon/front.h"
#include "daemon/loop.h"
#include "daemon/node_dir.h"
#include "daemon/privileges.h"
#include "daemon/room.h"
#include "daemon/watchdog.h"
#include "rpc/schema.h"
#include "tls/listener.h"

enum { FRONTS_MAX = 64, THREAD_STACK = 2 * 1024 * 1024 };

// Milestones of the way out; the main loop is woken for each.
enum { SAID_STEPPED_DOWN = 1, SAID_STOPPED = 2 };

struct run {
    const struct wf_config *config;
    struct wf_node_dir dir;
    struct wf_metrics *metrics;
    struct wf_tls *tls;
    struct wf_state *state;
    struct wf_schema *schema;
    struct wf_method_table *methods;
    struct wf_consensus *consensus;
    struct wf_front *fronts[FRONTS_MAX];
    int bound[FRONTS_MAX]; // sockets taken as root; 0: none
    unsigned n_fronts;
    pthread_t consensus_thread, front_threads[FRONTS_MAX];
    struct wf_watchdog *watchdog;

    uv_loop_t loop;
    uv_async_t word;
    uv_signal_t term, intr, hup;
    uv_timer_t status;
    _Atomic unsigned said;
    _Atomic unsigned drained;
    bool ending, fronts_closed;
    char last_status[300];
    struct wf_metric *expires_in, *reload_failures;
};

// When the certificate in use ends: read by all fronts.
static _Atomic wf_unix_ms certificate_expires;

static wf_unix_ms expires(void)
{
    return certificate_expires;
}

static double expires_in_s(void *ctx)
{
    (void)ctx;
    return (double)(certificate_expires - wf_clock_unix_ms()) / 1000;
}

// --- certificates --------------------------------------------------------------------------------

int wf_run_load_tls(const struct wf_config *config, struct wf_tls **out, struct wf_err *err)
{
    struct wf_tls_options o = {config->tls.ca, config->tls.cert, config->tls.key,
                               config->cluster.name};
    struct wf_tls *t = NULL;
    int rc = wf_tls_load(&t, &o, err);
    if (rc != WF_OK) {
        snprintf(err->reason, sizeof err->reason, "TLS");
        return rc;
    }
    const struct wf_identity *id = wf_tls_identity(t);
    if (id->kind != WF_ID_NODE || strcmp(id->name, config->node.name) != 0) {
        char uri[200];
        wf_identity_format(id, uri);
        rc = wf_fail_reason(err, WF_FAILED_PRECONDITION, "TLS",
                            "%s is the certificate of %s, not of node %s of cluster %s",
                            config->tls.cert, uri, config->node.name, config->cluster.name);
        wf_tls_unref(t);
        return rc;
    }
    *out = t;
    return WF_OK;
}

static void reload(struct run *r)
{
    struct wf_tls *t = NULL;
    struct wf_err err;
    if (wf_run_load_tls(r->config, &t, &err) != WF_OK) {
        wf_metric_add(r->reload_failures, 1);
        wf_log(WF_LOG_ERROR, "certificates not reloaded, the old ones stay", "why", err.msg, NULL);
        return;
    }
    char when[WF_RFC3339_SIZE];
    certificate_expires = wf_tls_expires(t);
    for (unsigned i = 0; i < r->n_fronts; i++)
        wf_front_set_tls(r->fronts[i], t);
    wf_consensus_set_tls(r->consensus, t);
    wf_tls_unref(r->tls);
    r->tls = t;
    wf_log(WF_LOG_INFO, "certificates reloaded", "expires", wf_rfc3339(certificate_expires, when),
           NULL);
}

static void on_hup(uv_signal_t *s, int number)
{
    (void)number;
    struct run *r = s->data;
    if (!r->ending)
        reload(r);
}

// --- the way out ---------------------------------------------------------------------------------

// A damaged state is thrown away, so that the next start makes it anew.
static void on_fatal(void *ctx, const struct wf_err *why)
{
    const struct run *r = ctx;
    struct wf_err err;
    if (strcmp(why->reason, "STATE_DAMAGED") == 0 && wf_node_dir_drop_state(&r->dir, &err) != WF_OK)
        wf_log(WF_LOG_ERROR, "the damaged state cannot be removed", "why", err.msg, NULL);
    wf_log(WF_LOG_ERROR, "cannot go on", "why", why->msg, "reason", why->reason, NULL);
    sd_notifyf(0, "STOPPING=1\nSTATUS=%s", why->msg);
    // Nothing more may be acknowledged, and nothing needs to be tidied up: every file is as safe as
    // after a crash.
    _exit((int)wf_exit_of(why));
}

static void say(struct run *r, unsigned what)
{
    atomic_fetch_or(&r->said, what);
    uv_async_send(&r->word);
}

static void on_stepped_down(void *ctx)
{
    say(ctx, SAID_STEPPED_DOWN);
}

static void on_stopped(void *ctx)
{
    say(ctx, SAID_STOPPED);
}

static void on_drained(void *ctx)
{
    struct run *r = ctx;
    atomic_fetch_add(&r->drained, 1);
    uv_async_send(&r->word);
}

static void on_end_signal(uv_signal_t *s, int number)
{
    struct run *r = s->data;
    if (r->ending) {
        wf_log(WF_LOG_WARN, "asked twice to stop: ending now", NULL);
        _exit(WF_EXIT_OK);
    }
    r->ending = true;
    wf_log(WF_LOG_INFO, "stopping", "signal", strsignal(number), NULL);
    sd_notify(0, "STOPPING=1\nSTATUS=handing over");
    for (unsigned i = 0; i < r->n_fronts; i++)
        wf_front_not_serving(r->fronts[i]);
    wf_consensus_step_down(r->consensus);
}

// Leadership is handed over: let the clients go. Then stop the node, which answers what is left,
// and then close.
static void on_word(uv_async_t *h)
{
    struct run *r = h->data;
    unsigned said = atomic_exchange(&r->said, 0);
    if (said & SAID_STEPPED_DOWN)
        for (unsigned i = 0; i < r->n_fronts; i++)
            wf_front_drain(r->fronts[i], WF_DRAIN_MS);
    if (r->drained == r->n_fronts && !r->fronts_closed) {
        r->fronts_closed = true;
        wf_consensus_stop(r->consensus);
    }
    if (said & SAID_STOPPED) {
        for (unsigned i = 0; i < r->n_fronts; i++)
            wf_front_close(r->fronts[i]);
        uv_close((uv_handle_t *)&r->word, NULL);
        uv_close((uv_handle_t *)&r->term, NULL);
        uv_close((uv_handle_t *)&r->intr, NULL);
        uv_close((uv_handle_t *)&r->hup, NULL);
        uv_close((uv_handle_t *)&r->status, NULL);
    }
}

// --- threads -------------------------------------------------------------------------------------

static void *consensus_thread(void *arg)
{
    pthread_setname_np(pthread_self(), "wf-consensus");
    wf_consensus_run(arg);
    return NULL;
}

static void *front_thread(void *arg)
{
    pthread_setname_np(pthread_self(), "wf-front");
    wf_front_run(arg);
    return NULL;
}

static uint64_t consensus_beat(void *ctx)
{
    return wf_consensus_beat(ctx);
}

static uint64_t front_beat(void *ctx)
{
    return wf_front_beat(ctx);
}

static void start_threads(struct run *r)
{
    struct wf_watched loops[FRONTS_MAX + 1];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    int rc = pthread_create(&r->consensus_thread, &attr, consensus_thread, r->consensus);
    loops[0] = (struct wf_watched){"consensus", consensus_beat, r->consensus};
    for (unsigned i = 0; i < r->n_fronts && rc == 0; i++) {
        rc = pthread_create(&r->front_threads[i], &attr, front_thread, r->fronts[i]);
        loops[i + 1] = (struct wf_watched){"front", front_beat, r->fronts[i]};
    }
    pthread_attr_destroy(&attr);
    if (rc == 0)
        r->watchdog = wf_watchdog_start(loops, r->n_fronts + 1, WF_LOOP_STUCK_MS, r->metrics);
    if (r->watchdog)
        return;
    struct wf_err err;
    wf_fail(&err, wf_code_from_errno(rc), "cannot start its threads: %s",
            rc == 0 ? "out of memory, or of threads" : strerror(rc));
    on_fatal(r, &err); // some run already: nothing can be taken back in order
}

static void on_status(uv_timer_t *t)
{
    struct run *r = t->data;
    struct wf_err err;
    if (wf_node_dir_look(&r->dir, &err) != WF_OK)
        on_fatal(r, &err);
    struct wf_view v;
    char text[sizeof r->last_status];
    struct wf_board *b = wf_consensus_board(r->consensus);
    pthread_mutex_lock(&b->lock);
    v = b->view;
    pthread_mutex_unlock(&b->lock);
    if (r->ending)
        return;
    if (v.ready)
        snprintf(text, sizeof text, "serving, %s%s", v.leading ? "leading" : "following ",
                 v.leading ? "" : v.leader);
    else
        snprintf(text, sizeof text, "not serving: %.250s", v.reason);
    if (strcmp(text, r->last_status) == 0)
        return;
    strcpy(r->last_status, text);
    sd_notifyf(0, "STATUS=%s", text);
}

static void start_loop(struct run *r)
{
    uv_async_init(&r->loop, &r->word, on_word);
    uv_signal_init(&r->loop, &r->term);
    uv_signal_init(&r->loop, &r->intr);
    uv_signal_init(&r->loop, &r->hup);
    uv_timer_init(&r->loop, &r->status);
    r->word.data = r->term.data = r->intr.data = r->hup.data = r->status.data = r;
    uv_signal_start(&r->term, on_end_signal, SIGTERM);
    uv_signal_start(&r->intr, on_end_signal, SIGINT);
    uv_signal_start(&r->hup, on_hup, SIGHUP);
    uv_timer_start(&r->status, on_status, 500, 500);
}

// --- setting up ----------------------------------------------------------------------------------

// A state that is not intact is nothing to worry about: the log or another node's image makes it
// anew.
static int open_state(struct run *r, struct wf_err *err)
{
    int rc = wf_state_open(&r->state, r->dir.state, err);
    if (rc != WF_DATA_LOSS)
        return rc;
    wf_log(WF_LOG_WARN, "the state is not intact and is made anew from the log", "why", err->msg,
           NULL);
    rc = wf_node_dir_drop_state(&r->dir, err);
    return rc == WF_OK ? wf_state_open(&r->state, r->dir.state, err) : rc;
}

static int open_consensus(struct run *r, struct wf_err *err)
{
    struct wf_consensus_options o = {.config = r->config,
                                     .state = r->state,
                                     .tls = r->tls,
                                     .metrics = r->metrics,
                                     .log_dir = r->dir.path,
                                     .image_dir = r->dir.images,
                                     .state_dir = r->dir.state,
                                     .fatal = on_fatal,
                                     .stepped_down = on_stepped_down,
                                     .stopped = on_stopped,
                                     .ctx = r};
    return wf_consensus_open(&r->consensus, &o, err);
}

static unsigned count_fronts(const struct run *r)
{
    return r->config->front && r->config->front->threads ? r->config->front->threads : 1;
}

// A port below 1024 is only root's to take: before root becomes somebody else.
static int take_port(struct run *r, struct wf_err *err)
{
    unsigned n = count_fronts(r);
    unsigned long port = strtoul(strrchr(r->config->listen, ':') + 1, NULL, 10);
    int rc = WF_OK;
    WF_ASSERT(n <= FRONTS_MAX);
    if (!r->config->user || geteuid() != 0 || port == 0 || port >= IPPORT_RESERVED)
        return WF_OK;
    for (unsigned i = 0; rc == WF_OK && i < n; i++)
        rc = wf_listener_bind(&r->bound[i], r->config->listen, n > 1, err);
    return rc;
}

static int open_fronts(struct run *r, struct wf_err *err)
{
    unsigned n = count_fronts(r);
    char listen[WF_ADDRESS_MAX + 8];
    snprintf(listen, sizeof listen, "%s", r->config->listen);
    struct wf_front_options o = {.config = r->config,
                                 .listen = listen,
                                 .share_port = n > 1,
                                 .consensus = r->consensus,
                                 .state = r->state,
                                 .schema = r->schema,
                                 .methods = r->methods,
                                 .tls = r->tls,
                                 .metrics = r->metrics,
                                 .cluster_id = wf_consensus_identity(r->consensus)->cluster_id,
                                 .scratch_dir = r->dir.images,
                                 .expires = expires,
                                 .drained = on_drained,
                                 .ctx = r};
    int rc = WF_OK;
    for (unsigned i = 0; rc == WF_OK && i < n; i++) {
        o.bound = r->bound[i];
        rc = wf_front_open(&r->fronts[i], &o, err);
        if (rc != WF_OK)
            break;
        r->n_fronts++;
        int host = (int)(strrchr(r->config->listen, ':') - r->config->listen);
        snprintf(listen, sizeof listen, "%.*s:%u", host, r->config->listen,
                 wf_front_port(r->fronts[0]));
    }
    if (rc == WF_OK)
        wf_log(WF_LOG_INFO, "listening", "address", listen, NULL);
    return rc;
}

static int check_identity(const struct run *r, struct wf_err *err)
{
    static const uint8_t none[WF_UUID_SIZE];
    const struct wf_node_identity *id = wf_consensus_identity(r->consensus);
    char has[33], wants[33];
    if (strcmp(id->name, r->config->node.name) != 0)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "WRONG_IDENTITY",
                              "%s belongs to node %s, not to %s", r->dir.path, id->name,
                              r->config->node.name);
    if (memcmp(r->config->cluster_id, none, sizeof none) != 0 &&
        memcmp(r->config->cluster_id, id->cluster_id, sizeof none) != 0)
        return wf_fail_reason(err, WF_FAILED_PRECONDITION, "WRONG_IDENTITY",
                              "%s belongs to cluster %s, not to %s of the configuration",
                              r->dir.path, wf_hex(id->cluster_id, WF_UUID_SIZE, has),
                              wf_hex(r->config->cluster_id, WF_UUID_SIZE, wants));
    return WF_OK;
}

static int prepare(struct run *r, bool bootstrap, struct wf_err *err)
{
    struct wf_schema_source source = wf_schema_embedded();
    int rc = wf_run_load_tls(r->config, &r->tls, err);
    if (rc == WF_OK)
        rc = wf_node_dir_open(&r->dir, r->config->data_dir, err);
    if (rc == WF_OK)
        rc = wf_room_await(r->dir.path, err);
    if (rc == WF_OK)
        rc = wf_begin(r->config, &r->dir, r->tls, bootstrap, err);
    if (rc == WF_OK)
        rc = open_state(r, err);
    if (rc == WF_OK)
        rc = wf_schema_new(&source, &r->schema, err);
    if (rc != WF_OK)
        return rc;
    certificate_expires = wf_tls_expires(r->tls);
    r->methods = wf_method_table_new(r->schema);
    if (!r->methods)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    rc = open_consensus(r, err);
    if (rc == WF_OK)
        rc = check_identity(r, err);
    if (rc == WF_OK)
        rc = open_fronts(r, err);
    return rc == WF_OK ? wf_consensus_start(r->consensus, err) : rc;
}

static void discard(struct run *r)
{
    for (unsigned i = 0; i < r->n_fronts; i++)
        wf_front_free(r->fronts[i]);
    wf_consensus_free(r->consensus);
    if (r->state)
        wf_state_close(r->state);
    wf_method_table_free(r->methods);
    wf_schema_free(r->schema);
    if (r->tls)
        wf_tls_unref(r->tls);
    wf_node_dir_close(&r->dir);
    wf_metrics_free(r->metrics);
}

static void make_metrics(struct run *r)
{
    wf_gauge_fn(r->metrics, "watchfire_certificate_expires_in_seconds", "",
                "Seconds until the node's certificate ends", expires_in_s, NULL);
    r->reload_failures = wf_counter(r->metrics, "watchfire_certificate_reload_failures", "",
                                    "Times SIGHUP could not load the certificates");
}

int wf_run(const struct wf_config *config, bool bootstrap, struct wf_err *err)
{
    struct run *r = calloc(1, sizeof *r);
    if (!r || !(r->metrics = wf_metrics_new()))
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    r->config = config;
    r->dir.dir.lock = -1;
    make_metrics(r);
    int rc = take_port(r, err);
    if (rc == WF_OK)
        rc = wf_privileges_drop(config->user, err);
    if (rc == WF_OK)
        rc = prepare(r, bootstrap, err);
    if (rc == WF_OK)
        rc = wf_loop_open(&r->loop, err);
    if (rc != WF_OK)
        return rc; // the process ends: what is open is the kernel's to close
    start_loop(r);
    start_threads(r);
    sd_notify(0, "READY=1");
    uv_run(&r->loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < r->n_fronts; i++)
        pthread_join(r->front_threads[i], NULL);
    wf_watchdog_stop(r->watchdog);
    wf_consensus_close(r->consensus);
    pthread_join(r->consensus_thread, NULL);
    rc = uv_loop_close(&r->loop);
    WF_ASSERT(rc == 0);
    discard(r);
    free(r);
    wf_log(WF_LOG_INFO, "stopped", NULL);
    return WF_OK;
}
