// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and histograms, and their OpenMetrics 1.0 text. Any thread may count; creating
// is done at start. One registry per process, handed around, never global.
#ifndef WF_BASE_METRICS_H
#define WF_BASE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

struct wf_metrics;
struct wf_metric;

struct wf_metrics *wf_metrics_new(void);
void wf_metrics_free(struct wf_metrics *m);

// A metric of that name (without the unit's or "_total" suffix's help: give the full family name,
// such as "watchfire_commands"; counters get "_total" in the text) with one fixed set of labels,
// written as in the text format (`peer="fra-1"`) or "". The same name and labels again return the
// same metric. unit may be "". Returns NULL when out of memory or past WF_METRICS_MAX; counting on
// NULL is a no-op.
struct wf_metric *wf_counter(struct wf_metrics *m, const char *name, const char *labels,
                             const char *help);
struct wf_metric *wf_gauge(struct wf_metrics *m, const char *name, const char *labels,
                           const char *help);
// Buckets double from first to about last: seconds as a rule, and then the name ends in "_seconds".
struct wf_metric *wf_histogram(struct wf_metrics *m, const char *name, const char *labels,
                               const char *help, double first, double last);

void wf_metric_add(struct wf_metric *c, uint64_t n);
void wf_metric_set(struct wf_metric *g, double v);
void wf_metric_observe(struct wf_metric *h, double v);
uint64_t wf_metric_count(const struct wf_metric *c);

// A gauge read when scraped. fn runs on the scraping thread.
struct wf_metric *wf_gauge_fn(struct wf_metrics *m, const char *name, const char *labels,
                              const char *help, double (*fn)(void *ctx), void *ctx);

// Append the whole exposition, "# EOF" included. Returns WF_OK or WF_RESOURCE_EXHAUSTED.
int wf_metrics_write(struct wf_metrics *m, struct wf_buf *out);

#endif
