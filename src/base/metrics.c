// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/result.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };
enum { BUCKETS_MAX = 40 };

struct wf_metric {
    enum kind kind;
    char name[96];
    char labels[160];
    char help[200];
    _Atomic uint64_t count; // counter's value; histogram's number of observations
    _Atomic uint64_t bits;  // gauge's value or histogram's sum, a double's bits
    double (*fn)(void *ctx);
    void *ctx;
    int buckets; // without +Inf
    double le[BUCKETS_MAX];
    _Atomic uint64_t hits[BUCKETS_MAX]; // not cumulative
};

struct wf_metrics {
    pthread_mutex_t lock; // guards items and n; the metrics themselves are atomic
    int n;
    struct wf_metric *items[WF_METRICS_MAX];
};

struct wf_metrics *wf_metrics_new(void)
{
    struct wf_metrics *m = calloc(1, sizeof *m);
    if (m)
        pthread_mutex_init(&m->lock, NULL);
    return m;
}

void wf_metrics_free(struct wf_metrics *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->n; i++)
        free(m->items[i]);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

// Find or make, keeping the metrics of one family together as the text format wants them.
static struct wf_metric *intern(struct wf_metrics *m, enum kind kind, const char *name,
                                const char *labels, const char *help)
{
    WF_ASSERT(strlen(name) < sizeof m->items[0]->name);
    WF_ASSERT(strlen(labels) < sizeof m->items[0]->labels);
    int at = m->n;
    for (int i = 0; i < m->n; i++) {
        struct wf_metric *x = m->items[i];
        if (strcmp(x->name, name) != 0)
            continue;
        WF_ASSERT(x->kind == kind);
        if (strcmp(x->labels, labels) == 0)
            return x;
        at = i + 1;
    }
    struct wf_metric *x = m->n < WF_METRICS_MAX ? calloc(1, sizeof *x) : NULL;
    if (!x)
        return NULL;
    x->kind = kind;
    snprintf(x->name, sizeof x->name, "%s", name);
    snprintf(x->labels, sizeof x->labels, "%s", labels);
    snprintf(x->help, sizeof x->help, "%s", help);
    memmove(m->items + at + 1, m->items + at, (size_t)(m->n - at) * sizeof m->items[0]);
    m->items[at] = x;
    m->n++;
    return x;
}

static struct wf_metric *create(struct wf_metrics *m, enum kind kind, const char *name,
                                const char *labels, const char *help)
{
    pthread_mutex_lock(&m->lock);
    struct wf_metric *x = intern(m, kind, name, labels, help);
    pthread_mutex_unlock(&m->lock);
    return x;
}

struct wf_metric *wf_counter(struct wf_metrics *m, const char *name, const char *labels,
                             const char *help)
{
    return create(m, COUNTER, name, labels, help);
}

struct wf_metric *wf_gauge(struct wf_metrics *m, const char *name, const char *labels,
                           const char *help)
{
    return create(m, GAUGE, name, labels, help);
}

struct wf_metric *wf_gauge_fn(struct wf_metrics *m, const char *name, const char *labels,
                              const char *help, double (*fn)(void *ctx), void *ctx)
{
    struct wf_metric *x = create(m, GAUGE, name, labels, help);
    if (x) {
        x->fn = fn;
        x->ctx = ctx;
    }
    return x;
}

struct wf_metric *wf_histogram(struct wf_metrics *m, const char *name, const char *labels,
                               const char *help, double first, double last)
{
    WF_ASSERT(first > 0 && last > first);
    struct wf_metric *x = create(m, HISTOGRAM, name, labels, help);
    if (x && x->buckets == 0)
        for (double le = first; x->buckets < BUCKETS_MAX; le *= 2) {
            x->le[x->buckets++] = le;
            if (le >= last)
                break;
        }
    return x;
}

void wf_metric_add(struct wf_metric *c, uint64_t n)
{
    if (c)
        atomic_fetch_add_explicit(&c->count, n, memory_order_relaxed);
}

uint64_t wf_metric_count(const struct wf_metric *c)
{
    return c ? atomic_load_explicit(&c->count, memory_order_relaxed) : 0;
}

static uint64_t to_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

void wf_metric_set(struct wf_metric *g, double v)
{
    if (g)
        atomic_store_explicit(&g->bits, to_bits(v), memory_order_relaxed);
}

void wf_metric_observe(struct wf_metric *h, double v)
{
    if (!h)
        return;
    int i = 0;
    while (i < h->buckets && v > h->le[i])
        i++;
    if (i < h->buckets)
        atomic_fetch_add_explicit(&h->hits[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->count, 1, memory_order_relaxed);
    uint64_t old = atomic_load_explicit(&h->bits, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&h->bits, &old, to_bits(from_bits(old) + v)))
        ;
}

static void write_histogram(const struct wf_metric *x, struct wf_buf *out)
{
    const char *comma = *x->labels ? "," : "";
    uint64_t count = atomic_load(&x->count), sum = 0;
    for (int i = 0; i < x->buckets; i++) {
        sum += atomic_load(&x->hits[i]);
        wf_buf_printf(out, "%s_bucket{%s%sle=\"%.9g\"} %llu\n", x->name, x->labels, comma, x->le[i],
                      (unsigned long long)sum);
    }
    // An observation between the two loads may be in a bucket and not yet in the count.
    if (count < sum)
        count = sum;
    wf_buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", x->name, x->labels, comma,
                  (unsigned long long)count);
    const char *open = *x->labels ? "{" : "", *close = *x->labels ? "}" : "";
    wf_buf_printf(out, "%s_sum%s%s%s %.9g\n", x->name, open, x->labels, close,
                  from_bits(atomic_load(&x->bits)));
    wf_buf_printf(out, "%s_count%s%s%s %llu\n", x->name, open, x->labels, close,
                  (unsigned long long)count);
}

static void write_one(const struct wf_metric *x, struct wf_buf *out)
{
    const char *open = *x->labels ? "{" : "", *close = *x->labels ? "}" : "";
    if (x->kind == HISTOGRAM)
        write_histogram(x, out);
    else if (x->kind == COUNTER)
        wf_buf_printf(out, "%s_total%s%s%s %llu\n", x->name, open, x->labels, close,
                      (unsigned long long)atomic_load(&x->count));
    else
        wf_buf_printf(out, "%s%s%s%s %.12g\n", x->name, open, x->labels, close,
                      x->fn ? x->fn(x->ctx) : from_bits(atomic_load(&x->bits)));
}

int wf_metrics_write(struct wf_metrics *m, struct wf_buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    pthread_mutex_lock(&m->lock);
    const char *family = "";
    for (int i = 0; i < m->n; i++) {
        const struct wf_metric *x = m->items[i];
        if (strcmp(x->name, family) != 0)
            wf_buf_printf(out, "# TYPE %s %s\n# HELP %s %s\n", x->name, kinds[x->kind], x->name,
                          x->help);
        family = x->name;
        write_one(x, out);
    }
    pthread_mutex_unlock(&m->lock);
    wf_buf_puts(out, "# EOF\n");
    return out->failed ? WF_RESOURCE_EXHAUSTED : WF_OK;
}
