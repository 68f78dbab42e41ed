// SPDX-License-Identifier: Apache-2.0
// How long the log store takes to make a record durable, against a bare synchronous write of the
// same size (O_DSYNC, rounded up to 4 KiB) on the same disk: log_append DIRECTORY [COUNT] One line
// each: size, outstanding, p50, p99, largest in microseconds, records a second.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "replication/log_store_sqlite.h"

enum { PAGE = 4096, OUTSTANDING_MAX = 256, CUT_EVERY = 2000, KEPT = 500 };

struct bench {
    uv_loop_t loop;
    struct wf_log_store *store;
    uint64_t next, last; // index to ask for, and the last of this round
    size_t size;
    unsigned waiting, answers;
    double *us;
    uint8_t *data;
    bool closed;
};

struct request {
    struct bench *b;
    wf_mono_ns begin;
};

static struct request requests[OUTSTANDING_MAX];

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "log_append: %s: %s\n", what, why);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, size_t size, unsigned outstanding, double *us, unsigned n,
                   wf_mono_ns took)
{
    qsort(us, n, sizeof *us, by_value);
    printf(
        "%-8s size=%-6zu outstanding=%-4u p50_us=%-6.0f p99_us=%-6.0f max_us=%-7.0f per_s=%.0f\n",
        what, size, outstanding, us[n / 2], us[n * 99ull / 100], us[n - 1],
        n / ((double)took / 1e9));
    fflush(stdout);
}

static void on_durable(void *arg, const struct wf_err *err);

static void ask(struct request *r)
{
    struct bench *b = r->b;
    struct wf_record record = {1, WF_RECORD_COMMAND, {b->data, b->size}};
    r->begin = wf_clock_mono_ns();
    b->waiting++;
    b->store->append(b->store->ctx, b->next++, &record, 1, on_durable, r);
}

static void on_cut(void *arg, const struct wf_err *err)
{
    (void)arg;
    if (err)
        die("snapshot", err->msg);
}

static void on_durable(void *arg, const struct wf_err *err)
{
    struct request *r = arg;
    struct bench *b = r->b;
    if (err)
        die("append", err->msg);
    b->us[b->answers++] = (double)(wf_clock_mono_ns() - r->begin) / 1e3;
    b->waiting--;
    // As a node does: the front of the log goes while appends go on.
    if (b->answers % CUT_EVERY == 0) {
        struct wf_manifest m = {.index = b->next - 1 - b->waiting, .term = 1};
        m.configuration = m.data = (struct wf_bytes){(const uint8_t *)"x", 1};
        b->store->snapshot_put(b->store->ctx, &m, m.index - KEPT, on_cut, b);
    }
    if (b->next <= b->last)
        ask(r);
}

static void bench_store(struct bench *b, size_t size, unsigned outstanding, unsigned n)
{
    b->size = size;
    b->answers = 0;
    b->last = b->next + n - 1;
    wf_mono_ns begin = wf_clock_mono_ns();
    for (unsigned i = 0; i < outstanding; i++) {
        requests[i].b = b;
        ask(&requests[i]);
    }
    while (b->answers < n)
        uv_run(&b->loop, UV_RUN_ONCE);
    report("store", size, outstanding, b->us, n, wf_clock_mono_ns() - begin);
}

static void bench_bare(const char *dir, size_t size, unsigned n, double *us, const uint8_t *data)
{
    char path[4096];
    size_t whole = (size + PAGE - 1) / PAGE * PAGE;
    snprintf(path, sizeof path, "%s/bare", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_DSYNC | O_CLOEXEC, 0600);
    if (fd < 0)
        die(path, "cannot create");
    for (unsigned i = 0; i < 500; i++) // written once before, as a write-ahead log is
        if (pwrite(fd, data, whole, (off_t)(i * whole)) != (ssize_t)whole)
            die(path, "cannot write");
    wf_mono_ns begin = wf_clock_mono_ns();
    for (unsigned i = 0; i < n; i++) {
        wf_mono_ns t = wf_clock_mono_ns();
        if (pwrite(fd, data, whole, (off_t)(i % 500 * whole)) != (ssize_t)whole)
            die(path, "cannot write");
        us[i] = (double)(wf_clock_mono_ns() - t) / 1e3;
    }
    report("bare", size, 1, us, n, wf_clock_mono_ns() - begin);
    close(fd);
    unlink(path);
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

int main(int argc, char **argv)
{
    struct wf_node_identity id = {.node_id = 1, .name = "bench"};
    struct wf_log_state state;
    struct wf_err err;
    struct bench b = {.next = 1};
    unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 4000;
    if (argc < 2 || n < 100) {
        fprintf(stderr, "usage: %s EMPTY_DIRECTORY [COUNT]\n", argv[0]);
        return 2;
    }
    b.us = calloc(n, sizeof *b.us);
    b.data = calloc(1, 64 * 1024);
    if (!b.us || !b.data || uv_loop_init(&b.loop) != 0)
        die("start", "out of memory");
    if (wf_log_store_sqlite_create(argv[1], &id, &err) != WF_OK ||
        wf_log_store_sqlite_open(&b.store, argv[1], &b.loop, NULL, &err) != WF_OK ||
        b.store->load(b.store->ctx, &state, NULL, NULL, &err) != WF_OK)
        die(argv[1], err.msg);
    const size_t sizes[] = {256, 16384};
    const unsigned outstanding[] = {1, 16, OUTSTANDING_MAX};
    for (size_t s = 0; s < 2; s++) {
        bench_bare(argv[1], sizes[s], n, b.us, b.data);
        for (size_t o = 0; o < 3; o++)
            bench_store(&b, sizes[s], outstanding[o], n);
    }
    b.store->close(b.store->ctx, on_closed, &b.closed);
    while (!b.closed)
        uv_run(&b.loop, UV_RUN_ONCE);
    wf_log_store_sqlite_free(b.store);
    uv_loop_close(&b.loop);
    free(b.us);
    free(b.data);
    return 0;
}
