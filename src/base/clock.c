// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/result.h"

static const int64_t MS_PER_DAY = 86400000;
static const wf_unix_ms FIRST_MS = -62135596800000; // 0001-01-01T00:00:00Z
static const wf_unix_ms LAST_MS = 253402300799999;  // 9999-12-31T23:59:59.999Z

wf_unix_ms wf_clock_unix_ms(void)
{
    struct timespec ts;
    int rc = clock_gettime(CLOCK_REALTIME, &ts);
    WF_ASSERT(rc == 0);
    return (wf_unix_ms)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

wf_mono_ns wf_clock_mono_ns(void)
{
    struct timespec ts;
    int rc = clock_gettime(CLOCK_MONOTONIC, &ts);
    WF_ASSERT(rc == 0);
    return (wf_mono_ns)ts.tv_sec * 1000000000u + (wf_mono_ns)ts.tv_nsec;
}

// Days since 1970-01-01 of a civil date, and back: the proleptic Gregorian calendar by eras of 400
// years (146097 days), the year starting in March.
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int *m, int *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

char *wf_rfc3339(wf_unix_ms t, char out[WF_RFC3339_SIZE])
{
    if (t < FIRST_MS)
        t = FIRST_MS;
    if (t > LAST_MS)
        t = LAST_MS;
    int64_t day = t / MS_PER_DAY, ms = t % MS_PER_DAY;
    if (ms < 0) {
        ms += MS_PER_DAY;
        day--;
    }
    int64_t y;
    int m, d;
    civil_from_days(day, &y, &m, &d);
    int n = snprintf(out, WF_RFC3339_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", (int)y, m, d,
                     (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60));
    WF_ASSERT(n == 19);
    if (ms % 1000)
        snprintf(out + n, WF_RFC3339_SIZE - (size_t)n, ".%03dZ", (int)(ms % 1000));
    else
        strcpy(out + n, "Z");
    return out;
}

// Exactly n decimal digits at *p, moving *p past them; -1 if they are not there.
static int digits(const char **p, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if ((*p)[i] < '0' || (*p)[i] > '9')
            return -1;
        v = v * 10 + ((*p)[i] - '0');
    }
    *p += n;
    return v;
}

static int skip(const char **p, const char *any)
{
    if (**p == 0 || !strchr(any, **p))
        return -1;
    ++*p;
    return 0;
}

// ".123456789": at least one digit, milliseconds kept.
static int fraction(const char **p, int *ms)
{
    *ms = 0;
    if (**p != '.')
        return 0;
    ++*p;
    int n = 0;
    for (int scale = 100; **p >= '0' && **p <= '9'; ++*p, scale /= 10, n++)
        *ms += (**p - '0') * scale;
    return n >= 1 && n <= 9 ? 0 : -1;
}

// "Z", "+02:00" or "+0200", in minutes.
static int offset(const char **p, int *minutes)
{
    *minutes = 0;
    if (**p == 'Z' || **p == 'z') {
        ++*p;
        return 0;
    }
    int sign = **p == '-' ? -1 : 1;
    if (skip(p, "+-"))
        return -1;
    int h = digits(p, 2);
    if (**p == ':')
        ++*p;
    int m = digits(p, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59)
        return -1;
    *minutes = sign * (h * 60 + m);
    return 0;
}

static int days_in_month(int y, int m)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0))
        return 29;
    return days[m - 1];
}

int wf_rfc3339_parse(const char *s, wf_unix_ms *out)
{
    WF_ASSERT(s != NULL && out != NULL);
    int ms, off;
    int y = digits(&s, 4);
    if (y < 1 || skip(&s, "-"))
        return WF_INVALID_ARGUMENT;
    int mon = digits(&s, 2);
    if (mon < 1 || mon > 12 || skip(&s, "-"))
        return WF_INVALID_ARGUMENT;
    int d = digits(&s, 2);
    if (d < 1 || d > days_in_month(y, mon) || skip(&s, "Tt "))
        return WF_INVALID_ARGUMENT;
    int h = digits(&s, 2);
    if (h < 0 || h > 23 || skip(&s, ":"))
        return WF_INVALID_ARGUMENT;
    int min = digits(&s, 2);
    if (min < 0 || min > 59 || skip(&s, ":"))
        return WF_INVALID_ARGUMENT;
    int sec = digits(&s, 2);
    if (sec < 0 || sec > 60 || fraction(&s, &ms) || offset(&s, &off) || *s != 0)
        return WF_INVALID_ARGUMENT;
    // A leap second is the last moment of its minute: our clock does not count it.
    if (sec == 60) {
        sec = 59;
        ms = 999;
    }
    int64_t day = days_from_civil(y, mon, d);
    *out = day * MS_PER_DAY + ((h * 60 + min - off) * 60 + sec) * (int64_t)1000 + ms;
    return WF_OK;
}
