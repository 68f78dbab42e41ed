// SPDX-License-Identifier: Apache-2.0
#include "rpc/json_time.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/result.h"

// 0001-01-01T00:00:00Z, 9999-12-31T23:59:59Z, and what duration.proto allows.
#define FIRST    (-62135596800LL)
#define LAST     253402300799LL
#define DURATION 315576000000LL

enum { SECOND = 1000000000 };

// ".250" with 0, 3, 6 or 9 digits.
static int put_fraction(char *out, size_t size, int32_t nanos)
{
    if (nanos == 0)
        return snprintf(out, size, "%s", "");
    if (nanos % 1000000 == 0)
        return snprintf(out, size, ".%03d", nanos / 1000000);
    if (nanos % 1000 == 0)
        return snprintf(out, size, ".%06d", nanos / 1000);
    return snprintf(out, size, ".%09d", nanos);
}

const char *wf_json_timestamp(struct wf_json_time t, char out[WF_JSON_TIME_SIZE])
{
    time_t seconds = (time_t)t.seconds;
    struct tm tm;
    char fraction[12];

    if (t.seconds < FIRST || t.seconds > LAST || t.nanos < 0 || t.nanos >= SECOND)
        return NULL;
    if (gmtime_r(&seconds, &tm) == NULL)
        return NULL;
    put_fraction(fraction, sizeof fraction, t.nanos);
    snprintf(out, WF_JSON_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d%sZ",
             (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
             tm.tm_sec, fraction);
    return out;
}

const char *wf_json_duration(struct wf_json_time t, char out[WF_JSON_TIME_SIZE])
{
    char fraction[12];
    bool negative = t.seconds < 0 || t.nanos < 0;

    if (t.seconds < -DURATION || t.seconds > DURATION || t.nanos <= -SECOND || t.nanos >= SECOND)
        return NULL;
    if ((t.seconds < 0 && t.nanos > 0) || (t.seconds > 0 && t.nanos < 0))
        return NULL;
    put_fraction(fraction, sizeof fraction, negative ? -t.nanos : t.nanos);
    snprintf(out, WF_JSON_TIME_SIZE, "%s%lld%ss", negative ? "-" : "",
             (long long)(negative ? -t.seconds : t.seconds), fraction);
    return out;
}

// --- reading ------------------------------------------------------------------------------------

// Exactly n digits.
static bool digits(const char **s, int n, int *out)
{
    *out = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9')
            return false;
        *out = *out * 10 + (**s - '0');
    }
    return true;
}

static bool literal(const char **s, char c)
{
    if (**s != c)
        return false;
    (*s)++;
    return true;
}

// Nothing, or '.' and one to nine digits.
static bool fraction(const char **s, int32_t *nanos)
{
    int32_t unit = SECOND / 10;

    *nanos = 0;
    if (!literal(s, '.'))
        return true;
    if (**s < '0' || **s > '9')
        return false;
    for (; **s >= '0' && **s <= '9'; (*s)++, unit /= 10) {
        if (unit == 0)
            return false;
        *nanos += unit * (**s - '0');
    }
    return true;
}

// 'Z' or "+01:00".
static bool offset(const char **s, int64_t *seconds)
{
    int hours, minutes;
    int sign = **s == '-' ? -1 : 1;

    *seconds = 0;
    if (literal(s, 'Z'))
        return true;
    if (!literal(s, '+') && !literal(s, '-'))
        return false;
    if (!digits(s, 2, &hours) || !literal(s, ':') || !digits(s, 2, &minutes))
        return false;
    *seconds = sign * (hours * 3600LL + minutes * 60LL);
    return hours < 24 && minutes < 60;
}

// The date exists: timegm() would turn February 30th into March.
static bool exists(const struct tm *tm, int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm back;

    return gmtime_r(&t, &back) != NULL && back.tm_mday == tm->tm_mday &&
           back.tm_mon == tm->tm_mon && back.tm_hour == tm->tm_hour && back.tm_sec == tm->tm_sec;
}

int wf_json_timestamp_parse(const char *s, struct wf_json_time *out)
{
    struct tm tm = {0};
    int64_t shift;

    WF_ASSERT(s != NULL);
    if (!digits(&s, 4, &tm.tm_year) || !literal(&s, '-') || !digits(&s, 2, &tm.tm_mon) ||
        !literal(&s, '-') || !digits(&s, 2, &tm.tm_mday) || !literal(&s, 'T') ||
        !digits(&s, 2, &tm.tm_hour) || !literal(&s, ':') || !digits(&s, 2, &tm.tm_min) ||
        !literal(&s, ':') || !digits(&s, 2, &tm.tm_sec) || !fraction(&s, &out->nanos) ||
        !offset(&s, &shift) || *s != '\0')
        return WF_INVALID_ARGUMENT;
    if (tm.tm_year < 1 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
        return WF_INVALID_ARGUMENT;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    struct tm asked = tm;
    int64_t seconds = timegm(&tm);
    if (!exists(&asked, seconds))
        return WF_INVALID_ARGUMENT;
    out->seconds = seconds - shift;
    return out->seconds >= FIRST && out->seconds <= LAST ? WF_OK : WF_INVALID_ARGUMENT;
}

int wf_json_duration_parse(const char *s, struct wf_json_time *out)
{
    bool negative = literal(&s, '-');
    int64_t seconds = 0;
    int n = 0;

    WF_ASSERT(out != NULL);
    for (; *s >= '0' && *s <= '9' && n < 12; s++, n++)
        seconds = seconds * 10 + (*s - '0');
    if (n == 0 || !fraction(&s, &out->nanos) || strcmp(s, "s") != 0 || seconds > DURATION)
        return WF_INVALID_ARGUMENT;
    out->seconds = negative ? -seconds : seconds;
    out->nanos = negative ? -out->nanos : out->nanos;
    return WF_OK;
}
