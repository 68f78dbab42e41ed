// SPDX-License-Identifier: Apache-2.0
#include "wan/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "wan/limits.h"

static const struct number {
    const char *key;
    size_t offset;
    uint64_t max;
} numbers[] = {
    {"delay_us", offsetof(struct wan_rules, delay_us), WAN_DELAY_US_MAX},
    {"jitter_us", offsetof(struct wan_rules, jitter_us), WAN_DELAY_US_MAX},
    {"rate_kbit", offsetof(struct wan_rules, rate_kbit), WAN_RATE_KBIT_MAX},
    {"queue_ms", offsetof(struct wan_rules, queue_ms), WAN_QUEUE_MS_MAX},
};

static const struct fraction {
    const char *key;
    size_t offset;
} fractions[] = {
    {"loss", offsetof(struct wan_rules, loss)},
    {"duplicate", offsetof(struct wan_rules, duplicate)},
    {"reorder", offsetof(struct wan_rules, reorder)},
    {"corrupt", offsetof(struct wan_rules, corrupt)},
};

enum {
    NUMBERS = sizeof numbers / sizeof *numbers,
    FRACTIONS = sizeof fractions / sizeof *fractions
};

// A fraction from 0 to 1 at the start of s; *end is what follows it.
static bool read_fraction(const char *s, double *out, const char **end)
{
    char *stop;
    double v = strtod(s, &stop);
    *end = stop;
    if (stop == s || !(v >= 0 && v <= 1)) // not a number fails here, too
        return false;
    *out = v;
    return true;
}

static int set_number(struct wan_rules *r, const struct number *n, const char *value,
                      struct wf_err *err)
{
    char *end;
    errno = 0;
    uint64_t v = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || v > n->max)
        return wf_fail(err, WF_INVALID_ARGUMENT, "%s=%s: give a whole number up to %" PRIu64,
                       n->key, value, n->max);
    memcpy((char *)r + n->offset, &v, sizeof v);
    return WF_OK;
}

static int set_fraction(struct wan_rules *r, const struct fraction *f, const char *value,
                        struct wf_err *err)
{
    double v;
    const char *end;
    if (!read_fraction(value, &v, &end) || *end)
        return wf_fail(err, WF_INVALID_ARGUMENT, "%s=%s: give a fraction from 0 to 1", f->key,
                       value);
    memcpy((char *)r + f->offset, &v, sizeof v);
    return WF_OK;
}

static int set_burst(struct wan_rules *r, const char *value, struct wf_err *err)
{
    double v[3];
    const char *p = value;
    for (int i = 0; i < 3; i++) {
        const char *end;
        if (!read_fraction(p, &v[i], &end) || *end != (i < 2 ? ':' : '\0'))
            return wf_fail(err, WF_INVALID_ARGUMENT,
                           "burst=%s: give three fractions, ENTER:LEAVE:LOSS, such as "
                           "0.01:0.2:0.9",
                           value);
        p = end + 1;
    }
    if (v[0] > 0 && v[1] == 0)
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "burst=%s: a burst that never ends is loss=%g; give LEAVE above 0", value,
                       v[2]);
    r->burst_enter = v[0];
    r->burst_leave = v[1];
    r->burst_loss = v[2];
    return WF_OK;
}

int wan_rules_set(struct wan_rules *r, const char *assignment, struct wf_err *err)
{
    const char *equals = strchr(assignment, '=');
    size_t len = equals ? (size_t)(equals - assignment) : 0;
    for (size_t i = 0; i < NUMBERS; i++)
        if (strlen(numbers[i].key) == len && !strncmp(numbers[i].key, assignment, len))
            return set_number(r, &numbers[i], equals + 1, err);
    for (size_t i = 0; i < FRACTIONS; i++)
        if (strlen(fractions[i].key) == len && !strncmp(fractions[i].key, assignment, len))
            return set_fraction(r, &fractions[i], equals + 1, err);
    if (len == 5 && !strncmp(assignment, "burst", len))
        return set_burst(r, equals + 1, err);
    return wf_fail(err, WF_INVALID_ARGUMENT,
                   "%s: give key=value with one of the keys delay_us, jitter_us, loss, burst, "
                   "duplicate, reorder, corrupt, rate_kbit, queue_ms",
                   assignment);
}

void wan_rules_json(const struct wan_rules *r, struct wf_buf *out)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        uint64_t v;
        memcpy(&v, (const char *)r + numbers[i].offset, sizeof v);
        wf_buf_printf(out, "\"%s\":%" PRIu64 ",", numbers[i].key, v);
    }
    for (size_t i = 0; i < FRACTIONS; i++) {
        double v;
        memcpy(&v, (const char *)r + fractions[i].offset, sizeof v);
        wf_buf_printf(out, "\"%s\":%.9g,", fractions[i].key, v);
    }
    wf_buf_printf(out, "\"burst\":[%.9g,%.9g,%.9g]", r->burst_enter, r->burst_leave, r->burst_loss);
}
