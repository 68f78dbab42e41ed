// SPDX-License-Identifier: Apache-2.0
#include "wan/control.h"

#include <inttypes.h>
#include <string.h>

// What every "VERB FROM TO" does to each of its links.
typedef void link_fn(struct wan_net *net, unsigned from, unsigned to, wf_mono_ns now);

static void cut_link(struct wan_net *net, unsigned from, unsigned to, wf_mono_ns now)
{
    (void)now;
    net->link[from][to].cut = true;
}

static void mend_link(struct wan_net *net, unsigned from, unsigned to, wf_mono_ns now)
{
    (void)now;
    net->link[from][to].cut = false;
}

static void clog_link(struct wan_net *net, unsigned from, unsigned to, wf_mono_ns now)
{
    wan_net_clog(net, from, to, true, now);
}

static void unclog_link(struct wan_net *net, unsigned from, unsigned to, wf_mono_ns now)
{
    wan_net_clog(net, from, to, false, now);
}

static const struct {
    const char *verb;
    link_fn *act;
} link_verbs[] = {
    {"cut", cut_link}, {"mend", mend_link}, {"clog", clog_link}, {"unclog", unclog_link}};

static int on_links(struct wan_net *net, link_fn *act, char *const words[], int n, wf_mono_ns now,
                    struct wf_err *err)
{
    struct wan_pairs p;
    if (n != 3)
        return wf_fail(err, WF_INVALID_ARGUMENT, "usage: %s FROM TO", words[0]);
    int rc = wan_topology_pairs(&net->topology, words[1], words[2], &p, err);
    if (rc != WF_OK)
        return rc;
    for (unsigned a = p.from; a < p.from_end; a++)
        for (unsigned b = p.to; b < p.to_end; b++)
            if (a != b)
                act(net, a, b, now);
    return WF_OK;
}

static int on_region(struct wan_net *net, bool dark, char *const words[], int n, struct wf_err *err)
{
    unsigned first, last;
    if (n != 2)
        return wf_fail(err, WF_INVALID_ARGUMENT, "usage: %s REGION", words[0]);
    int rc = wan_topology_regions(&net->topology, words[1], &first, &last, err);
    for (unsigned r = first; rc == WF_OK && r < last; r++)
        wan_net_dark(net, r, dark);
    return rc;
}

static void put_regions(const struct wan_net *net, bool only_dark, struct wf_buf *out)
{
    const char *comma = "";
    wf_buf_putc(out, '[');
    for (unsigned r = 0; r < net->topology.n; r++) {
        if (only_dark && !net->dark[r])
            continue;
        wf_buf_printf(out, "%s\"%s\"", comma, net->topology.name[r]);
        comma = ",";
    }
    wf_buf_putc(out, ']');
}

typedef void put_fn(const struct wan_net *net, unsigned from, unsigned to, struct wf_buf *out);

static void put_rules(const struct wan_net *net, unsigned from, unsigned to, struct wf_buf *out)
{
    const struct wan_link *l = &net->link[from][to];
    wan_rules_json(&net->rules.rule[from][to], out);
    wf_buf_printf(out, ",\"cut\":%s,\"clogged\":%s", l->cut ? "true" : "false",
                  l->clogged ? "true" : "false");
}

static void put_counters(const struct wan_net *net, unsigned from, unsigned to, struct wf_buf *out)
{
    const struct wan_link *l = &net->link[from][to];
    wf_buf_printf(out, "\"taken\":%" PRIu64, l->count.taken);
    for (int f = 0; f < WAN_FATE_MAX_; f++)
        wf_buf_printf(out, ",\"%s\":%" PRIu64, wan_fate_name(f), l->count.fate[f]);
    wf_buf_printf(out,
                  ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"corrupted\":%" PRIu64
                  ",\"bytes\":%" PRIu64 ",\"under_way\":%" PRIu64 ",\"held\":%" PRIu32,
                  l->count.duplicated, l->count.reordered, l->count.corrupted, l->count.bytes,
                  l->under_way, net->held[from][to].n);
}

static void put_links(const struct wan_net *net, put_fn *put, struct wf_buf *out)
{
    const char *comma = "";
    wf_buf_puts(out, "\"links\":[");
    for (unsigned a = 0; a < net->topology.n; a++)
        for (unsigned b = 0; b < net->topology.n; b++) {
            if (a == b)
                continue;
            wf_buf_printf(out, "%s{\"from\":\"%s\",\"to\":\"%s\",", comma, net->topology.name[a],
                          net->topology.name[b]);
            put(net, a, b, out);
            wf_buf_putc(out, '}');
            comma = ",";
        }
    wf_buf_puts(out, "]}\n");
}

static void show(const struct wan_net *net, struct wf_buf *out)
{
    wf_buf_puts(out, "ok {\"regions\":");
    put_regions(net, false, out);
    wf_buf_puts(out, ",\"dark\":");
    put_regions(net, true, out);
    wf_buf_putc(out, ',');
    put_links(net, put_rules, out);
}

static void stats(const struct wan_net *net, struct wf_buf *out)
{
    const struct wan_lateness *l = &net->lateness;
    wf_buf_printf(out,
                  "ok {\"packets_under_way\":%zu,\"stray\":%" PRIu64 ",\"refused\":%" PRIu64
                  ",\"late_us\":{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f},",
                  net->heap.n, net->stray, net->refused, (double)wan_lateness_part(l, 0.5) / 1000,
                  (double)wan_lateness_part(l, 0.99) / 1000, (double)l->max_ns / 1000);
    put_links(net, put_counters, out);
}

static int change(struct wan_net *net, wf_mono_ns now, char *const words[], int n,
                  struct wf_err *err)
{
    for (size_t i = 0; i < sizeof link_verbs / sizeof *link_verbs; i++)
        if (!strcmp(words[0], link_verbs[i].verb))
            return on_links(net, link_verbs[i].act, words, n, now, err);
    if (!strcmp(words[0], "link"))
        return wan_topology_link(&net->topology, &net->rules, words, (unsigned)n, err);
    if (!strcmp(words[0], "dark") || !strcmp(words[0], "light"))
        return on_region(net, words[0][0] == 'd', words, n, err);
    if (!strcmp(words[0], "reset") && n == 1) {
        wan_net_reset(net, now);
        return WF_OK;
    }
    return wf_fail(err, WF_INVALID_ARGUMENT,
                   "no command %.32s; there are: link, cut, mend, clog, unclog, dark, light, "
                   "reset, show, stats",
                   words[0]);
}

void wan_control(struct wan_net *net, wf_mono_ns now, char *line, struct wf_buf *answer)
{
    struct wf_err err;
    char *words[WAN_WORDS_MAX];
    int n = wan_words(line, words);
    if (n < 0)
        wf_buf_printf(answer, "error more than %d words\n", WAN_WORDS_MAX);
    else if (n == 0)
        wf_buf_puts(answer, "error an empty line is no command\n");
    else if (n == 1 && !strcmp(words[0], "show"))
        show(net, answer);
    else if (n == 1 && !strcmp(words[0], "stats"))
        stats(net, answer);
    else if (change(net, now, words, n, &err) == WF_OK)
        wf_buf_puts(answer, "ok\n");
    else
        wf_buf_printf(answer, "error %s\n", err.msg);
}
