// SPDX-License-Identifier: Apache-2.0
#include "daemon/watchdog.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"

enum { LOOPS_MAX = 80, PERIOD_MS = 250 };

struct loop {
    struct wf_watched w;
    uint64_t last;
    wf_mono_ns since; // of that beat
    bool stuck;
    struct wf_metric *times;
};

struct wf_watchdog {
    pthread_t thread;
    pthread_mutex_t lock; // guards stop
    pthread_cond_t wake;
    bool stop;
    wf_mono_ns stuck_ns;
    wf_mono_ns fed;
    unsigned n;
    struct loop loops[LOOPS_MAX];
};

static bool look_at(struct loop *l, wf_mono_ns now, wf_mono_ns stuck_ns)
{
    uint64_t beat = l->w.beat(l->w.ctx);
    if (beat != l->last) {
        if (l->stuck)
            wf_log(WF_LOG_WARN, "the loop turns again", "loop", l->w.name, "after_ms",
                   wf_log_u((now - l->since) / 1000000), NULL);
        l->stuck = false;
        l->last = beat;
        l->since = now;
    } else if (!l->stuck && now - l->since > stuck_ns) {
        l->stuck = true;
        wf_metric_add(l->times, 1);
        wf_log(WF_LOG_ERROR, "a loop is stuck", "loop", l->w.name, "for_ms",
               wf_log_u((now - l->since) / 1000000), NULL);
    }
    return l->stuck;
}

static void look(struct wf_watchdog *w)
{
    wf_mono_ns now = wf_clock_mono_ns();
    bool stuck = false;
    uint64_t period_us = 0;
    for (unsigned i = 0; i < w->n; i++)
        stuck |= look_at(&w->loops[i], now, w->stuck_ns);
    if (!stuck && sd_watchdog_enabled(0, &period_us) > 0 && now - w->fed > period_us * 1000 / 3) {
        sd_notify(0, "WATCHDOG=1");
        w->fed = now;
    }
}

static void *run(void *arg)
{
    struct wf_watchdog *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += PERIOD_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&w->wake, &w->lock, &until);
        look(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct wf_watchdog *wf_watchdog_start(const struct wf_watched *loops, unsigned n, unsigned stuck_ms,
                                      struct wf_metrics *metrics)
{
    WF_ASSERT(n <= LOOPS_MAX);
    struct wf_watchdog *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->n = n;
    w->stuck_ns = (wf_mono_ns)stuck_ms * 1000000;
    for (unsigned i = 0; i < n; i++) {
        char labels[80];
        snprintf(labels, sizeof labels, "loop=\"%s\"", loops[i].name);
        w->loops[i].w = loops[i];
        w->loops[i].since = wf_clock_mono_ns();
        w->loops[i].times = wf_counter(metrics, "watchfire_loop_stuck", labels,
                                       "Times a loop did not turn for seconds");
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&w->thread, NULL, run, w) != 0) {
        free(w);
        return NULL;
    }
    return w;
}

void wf_watchdog_stop(struct wf_watchdog *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
