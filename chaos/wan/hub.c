// SPDX-License-Identifier: Apache-2.0
#include "wan/hub.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "wan/console.h"
#include "wan/net.h"
#include "wan/trace.h"
#include "wan/tun.h"

// What an event is about: a region's device by its number, or one of these.
enum { SIGNAL = WAN_REGIONS_MAX, CONSOLE };

struct hub {
    struct wan_net net;
    struct wan_trace trace;
    struct wan_console console;
    int tun[WAN_REGIONS_MAX];
    int epoll, signals;
};

static void on_fate(void *ctx, wf_mono_ns now, const struct wan_packet *p, enum wan_fate fate)
{
    struct hub *h = ctx;
    wan_trace_packet(&h->trace, &h->net.topology, now, p, fate);
}

static int watch(struct hub *h, int fd, uint32_t about, struct wf_err *err)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = about};
    if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        return wf_fail(err, wf_code_from_errno(errno), "epoll: %s", strerror(errno));
    return WF_OK;
}

static int open_signals(struct hub *h, struct wf_err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return wf_fail(err, wf_code_from_errno(errno), "signals: %s", strerror(errno));
    return watch(h, h->signals, SIGNAL, err);
}

static int open_devices(struct hub *h, const char *prefix, struct wf_err *err)
{
    for (unsigned k = 0; k < h->net.topology.n; k++) {
        char path[256];
        snprintf(path, sizeof path, "/run/netns/%s%s", prefix, h->net.topology.name[k]);
        int rc = wan_tun_open(path, k, &h->tun[k], err);
        if (rc == WF_OK)
            rc = watch(h, h->tun[k], k, err);
        if (rc != WF_OK)
            return rc;
    }
    return WF_OK;
}

// Sleep to the microsecond, and get a processor at once when there is something to do: the network
// must not slow down because its nodes are busy. A machine that does not give us the priority is
// used as it is; stats tell how late packets were.
static void be_prompt(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1}) != 0)
        (void)setpriority(PRIO_PROCESS, 0, -20);
}

static int open_all(struct hub *h, const struct wan_topology *t, const struct wan_hub_options *o,
                    struct wf_err *err)
{
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (h->epoll < 0)
        return wf_fail(err, wf_code_from_errno(errno), "epoll: %s", strerror(errno));
    int rc = wan_net_init(&h->net, t, o->seed, err);
    if (rc != WF_OK)
        return rc;
    h->net.on_fate = on_fate;
    h->net.ctx = h;
    rc = open_signals(h, err);
    if (rc == WF_OK)
        rc = wan_trace_open(&h->trace, o->trace, err);
    if (rc == WF_OK)
        rc = open_devices(h, o->netns_prefix, err);
    if (rc == WF_OK)
        rc = wan_console_open(&h->console, o->control, err);
    if (rc == WF_OK)
        rc = watch(h, h->console.epoll, CONSOLE, err);
    return rc;
}

static void close_device(struct hub *h, unsigned k)
{
    if (h->tun[k] >= 0)
        close(h->tun[k]);
    h->tun[k] = -1;
}

static void close_all(struct hub *h)
{
    wan_console_close(&h->console);
    for (unsigned k = 0; k < WAN_REGIONS_MAX; k++)
        close_device(h, k);
    if (h->signals >= 0)
        close(h->signals);
    if (h->epoll >= 0)
        close(h->epoll);
    wan_net_free(&h->net);
}

// Give the regions what is due. A device that is going away, or whose kernel is out of memory, does
// not take a packet: it is lost, as packets are.
static void deliver(struct hub *h)
{
    const struct wan_packet *p;
    while ((p = wan_net_due(&h->net, wf_clock_mono_ns())))
        if (write(h->tun[p->to], p->data, p->len) != p->len)
            h->net.refused++;
}

static void read_device(struct hub *h, unsigned k)
{
    for (int i = 0; i < WAN_BATCH; i++) {
        ssize_t n = read(h->tun[k], wan_net_room(&h->net), WAN_MTU);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            close_device(h, k); // its namespace is gone
        if (n <= 0)
            return;
        wan_net_take(&h->net, wf_clock_mono_ns(), k, (size_t)n);
    }
}

// Wait for an event until the next packet is due, at most a second. Returns the number of events.
static int wait_events(struct hub *h, struct epoll_event events[], int max)
{
    wf_mono_ns now = wf_clock_mono_ns(), at;
    uint64_t wait = 1000000000;
    if (wan_net_next(&h->net, &at)) {
        uint64_t until = at > now ? at - now : 0;
        if (until < wait)
            wait = until;
    }
    struct timespec t = {(time_t)(wait / 1000000000), (long)(wait % 1000000000)};
    return epoll_pwait2(h->epoll, events, max, &t, NULL);
}

static int carry(struct hub *h, struct wf_err *err)
{
    for (;;) {
        struct epoll_event events[WAN_REGIONS_MAX + 2];
        int n = wait_events(h, events, WAN_REGIONS_MAX + 2);
        if (n < 0 && errno != EINTR)
            return wf_fail(err, wf_code_from_errno(errno), "epoll: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == SIGNAL)
                return WF_OK;
            if (events[i].data.u32 == CONSOLE)
                wan_console_serve(&h->console, &h->net, wf_clock_mono_ns());
            else
                read_device(h, events[i].data.u32);
            deliver(h);
        }
        deliver(h);
        wan_trace_tick(&h->trace, wf_clock_mono_ns());
    }
}

int wan_hub_run(const struct wan_topology *t, const struct wan_hub_options *o, struct wf_err *err)
{
    static struct hub h; // half a megabyte, too much for the stack
    h = (struct hub){.epoll = -1, .signals = -1, .trace = {.fd = -1}};
    for (unsigned k = 0; k < WAN_REGIONS_MAX; k++)
        h.tun[k] = -1;
    wan_console_init(&h.console);
    int rc = open_all(&h, t, o, err);
    if (rc == WF_OK) {
        be_prompt();
        puts("ready");
        fflush(stdout);
        rc = carry(&h, err);
    }
    close_all(&h);
    struct wf_err late;
    int closed = wan_trace_close(&h.trace, &late);
    if (rc == WF_OK && closed != WF_OK)
        *err = late;
    return rc == WF_OK ? closed : rc;
}
