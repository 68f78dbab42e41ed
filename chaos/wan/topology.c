// SPDX-License-Identifier: Apache-2.0
#include "wan/topology.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

// Round trips in milliseconds between Azure's Germany West Central (fra), East US (iad), Australia
// East (syd), Brazil South (gru) and Southeast Asia (sin): 95th percentiles of 30 days, as
// published on 30 July 2026 at https://learn.microsoft.com/azure/networking/azure-network-latency
enum { PRESET = 5 };
static const char *const preset_names[PRESET] = {"fra", "iad", "syd", "gru", "sin"};
static const unsigned preset_rtt_ms[PRESET][PRESET] = {
    {0, 97, 290, 199, 179},  {97, 0, 206, 120, 229}, {290, 206, 0, 298, 98},
    {199, 120, 298, 0, 337}, {179, 229, 98, 337, 0},
};
// A router's buffer, where a rate is given and no queue.
enum { QUEUE_MS = 100 };

static struct wan_rules plain(uint64_t rtt_ms)
{
    return (struct wan_rules){.delay_us = rtt_ms * 500, .queue_ms = QUEUE_MS};
}

static void make_preset(struct wan_topology *t, unsigned n)
{
    WF_ASSERT(n <= PRESET);
    *t = (struct wan_topology){.n = n};
    for (unsigned a = 0; a < n; a++) {
        strcpy(t->name[a], preset_names[a]);
        for (unsigned b = 0; b < n; b++)
            t->matrix.rule[a][b] = plain(preset_rtt_ms[a][b]);
    }
}

static int make_flat(struct wan_topology *t, const char *what, struct wf_err *err)
{
    unsigned rtt_ms, n;
    int used = 0;
    if (sscanf(what, "flat:%5u:%3u%n", &rtt_ms, &n, &used) != 2 || what[used] || n < 2 ||
        n > WAN_REGIONS_MAX || rtt_ms > 2 * (WAN_DELAY_US_MAX / 1000))
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "topology %s: give flat:RTT_MS:N, with 2 to %d regions, such as flat:80:5",
                       what, WAN_REGIONS_MAX);
    *t = (struct wan_topology){.n = n};
    for (unsigned a = 0; a < n; a++) {
        snprintf(t->name[a], sizeof t->name[a], "r%u", a + 1);
        for (unsigned b = 0; b < n; b++)
            t->matrix.rule[a][b] = plain(rtt_ms);
    }
    return WF_OK;
}

int wan_words(char *line, char *words[WAN_WORDS_MAX])
{
    int n = 0;
    char *rest;
    for (char *w = strtok_r(line, " \t\r\n", &rest); w; w = strtok_r(NULL, " \t\r\n", &rest)) {
        if (n == WAN_WORDS_MAX)
            return -1;
        words[n++] = w;
    }
    return n;
}

int wan_topology_regions(const struct wan_topology *t, const char *name, unsigned *first,
                         unsigned *end, struct wf_err *err)
{
    *first = 0;
    *end = t->n;
    if (!strcmp(name, "*"))
        return WF_OK;
    for (unsigned i = 0; i < t->n; i++) {
        if (!strcmp(name, t->name[i])) {
            *first = i;
            *end = i + 1;
            return WF_OK;
        }
    }
    char known[WAN_REGIONS_MAX * (WAN_NAME_MAX + 2)] = "";
    for (unsigned i = 0; i < t->n; i++) {
        strcat(known, " ");
        strcat(known, t->name[i]);
    }
    return wf_fail(err, WF_NOT_FOUND, "no region %.32s; there are:%s", name, known);
}

int wan_topology_pairs(const struct wan_topology *t, const char *from, const char *to,
                       struct wan_pairs *out, struct wf_err *err)
{
    int rc = wan_topology_regions(t, from, &out->from, &out->from_end, err);
    if (rc == WF_OK)
        rc = wan_topology_regions(t, to, &out->to, &out->to_end, err);
    if (rc == WF_OK && out->from == out->to && out->from + 1 == out->from_end &&
        out->to + 1 == out->to_end)
        rc = wf_fail(err, WF_INVALID_ARGUMENT,
                     "%s to itself: what stays in a region does not pass here", from);
    return rc;
}

int wan_topology_link(const struct wan_topology *t, struct wan_matrix *m, char *const words[],
                      unsigned n, struct wf_err *err)
{
    if (n < 4)
        return wf_fail(err, WF_INVALID_ARGUMENT, "usage: link FROM TO key=value...");
    struct wan_pairs p;
    int rc = wan_topology_pairs(t, words[1], words[2], &p, err);
    if (rc != WF_OK)
        return rc;
    struct wan_matrix changed = *m;
    for (unsigned a = p.from; a < p.from_end; a++)
        for (unsigned b = p.to; b < p.to_end; b++)
            for (unsigned i = 3; i < n; i++)
                if ((rc = wan_rules_set(&changed.rule[a][b], words[i], err)) != WF_OK)
                    return rc;
    *m = changed;
    return WF_OK;
}

static int add_region(struct wan_topology *t, const char *name, struct wf_err *err)
{
    size_t len = strlen(name);
    if (len > WAN_NAME_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "region %s: give up to %d small letters, digits and dashes", name,
                       WAN_NAME_MAX);
    for (unsigned i = 0; i < t->n; i++)
        if (!strcmp(name, t->name[i]))
            return wf_fail(err, WF_ALREADY_EXISTS, "region %s is there already", name);
    if (t->n == WAN_REGIONS_MAX)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "more than %d regions", WAN_REGIONS_MAX);
    strcpy(t->name[t->n++], name);
    return WF_OK;
}

static int parse_line(struct wan_topology *t, char *line, struct wf_err *err)
{
    char *words[WAN_WORDS_MAX];
    line[strcspn(line, "#")] = '\0';
    int n = wan_words(line, words);
    if (n == 0)
        return WF_OK;
    if (n == 2 && !strcmp(words[0], "region"))
        return add_region(t, words[1], err);
    if (n > 0 && !strcmp(words[0], "link"))
        return wan_topology_link(t, &t->matrix, words, (unsigned)n, err);
    return wf_fail(err, WF_INVALID_ARGUMENT,
                   "give \"region NAME\" or \"link FROM TO key=value...\"");
}

int wan_topology_parse(struct wan_topology *t, const char *text, struct wf_err *err)
{
    *t = (struct wan_topology){0};
    for (unsigned a = 0; a < WAN_REGIONS_MAX; a++)
        for (unsigned b = 0; b < WAN_REGIONS_MAX; b++)
            t->matrix.rule[a][b] = plain(0);
    for (unsigned number = 1; *text; number++) {
        char line[WAN_LINE_MAX];
        size_t len = strcspn(text, "\n");
        if (len >= sizeof line)
            return wf_fail(err, WF_INVALID_ARGUMENT, "line %u is longer than %d bytes", number,
                           WAN_LINE_MAX - 1);
        memcpy(line, text, len);
        line[len] = '\0';
        int rc = parse_line(t, line, err);
        if (rc != WF_OK)
            return wf_wrap(err, rc, "line %u", number);
        text += len + (text[len] == '\n');
    }
    if (t->n < 2)
        return wf_fail(err, WF_INVALID_ARGUMENT, "give at least two regions");
    return WF_OK;
}

static int read_file(const char *path, char *text, size_t size, struct wf_err *err)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return wf_fail(err, wf_code_from_errno(errno),
                       "topology %s is no preset (three, five, flat:RTT_MS:N), and as a file it "
                       "cannot be opened: %s",
                       path, strerror(errno));
    size_t n = fread(text, 1, size - 1, f);
    int failed = ferror(f), more = !feof(f);
    fclose(f);
    text[n] = '\0';
    if (failed)
        return wf_fail(err, WF_UNAVAILABLE, "%s cannot be read", path);
    if (more || strlen(text) != n)
        return wf_fail(err, WF_INVALID_ARGUMENT, "%s is no text of less than %zu bytes", path,
                       size);
    return WF_OK;
}

int wan_topology_load(struct wan_topology *t, const char *what, struct wf_err *err)
{
    if (!strcmp(what, "three") || !strcmp(what, "five")) {
        make_preset(t, what[0] == 't' ? 3 : 5);
        return WF_OK;
    }
    if (!strncmp(what, "flat:", 5))
        return make_flat(t, what, err);
    char *text = malloc(WAN_FILE_MAX);
    if (!text)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for %s", what);
    int rc = read_file(what, text, WAN_FILE_MAX, err);
    if (rc == WF_OK) {
        rc = wan_topology_parse(t, text, err);
        if (rc != WF_OK)
            wf_wrap(err, rc, "%s", what);
    }
    free(text);
    return rc;
}
