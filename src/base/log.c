// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/limits.h"

static struct {
    enum wf_log_level least;
    enum wf_log_format format;
    char node[WF_NODE_NAME_MAX + 1];
} setup = {.least = WF_LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void wf_log_setup(enum wf_log_level least, enum wf_log_format format, const char *node)
{
    setup.least = least;
    setup.format = format;
    snprintf(setup.node, sizeof setup.node, "%s", node);
}

bool wf_log_enabled(enum wf_log_level level)
{
    return level >= setup.least;
}

// A line under construction; what does not fit is cut.
struct line {
    char *p;
    int left; // keeps one byte for the NUL
};

static void put(struct line *l, char c)
{
    if (l->left > 1) {
        *l->p++ = c;
        l->left--;
    }
}

static void puts_raw(struct line *l, const char *s)
{
    while (*s)
        put(l, *s++);
}

// Double-quoted with JSON's escapes, which logfmt readers take too.
static void put_quoted(struct line *l, const char *s)
{
    put(l, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            put(l, '\\');
            put(l, (char)c);
        } else if (c == '\n') {
            puts_raw(l, "\\n");
        } else if (c < 0x20 || c == 0x7F) {
            char esc[8];
            snprintf(esc, sizeof esc, "\\u%04x", c);
            puts_raw(l, esc);
        } else {
            put(l, (char)c);
        }
    }
    put(l, '"');
}

static bool bare(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' || *s == 0x7F)
            return false;
    return true;
}

static void field(struct line *l, enum wf_log_format format, const char *key, const char *value,
                  bool first)
{
    if (format == WF_LOG_JSON) {
        put(l, first ? '{' : ',');
        put_quoted(l, key);
        put(l, ':');
        put_quoted(l, value);
        return;
    }
    if (!first)
        put(l, ' ');
    puts_raw(l, key);
    put(l, '=');
    if (bare(value))
        puts_raw(l, value);
    else
        put_quoted(l, value);
}

int wf_log_line(char *out, int size, enum wf_log_format format, enum wf_log_level level,
                const char *time, const char *node, const char *msg, const char *const fields[])
{
    WF_ASSERT(size > 2 && level < WF_LOG_NOTHING);
    struct line l = {out, size - 1}; // one more for JSON's closing brace
    field(&l, format, "time", time, true);
    field(&l, format, "level", level_names[level], false);
    if (*node)
        field(&l, format, "node", node, false);
    field(&l, format, "msg", msg, false);
    for (int i = 0; fields[i]; i += 2)
        field(&l, format, fields[i], fields[i + 1] ? fields[i + 1] : "", false);
    l.left++;
    if (format == WF_LOG_JSON)
        put(&l, '}');
    *l.p = 0;
    return (int)(l.p - out);
}

void wf_log(enum wf_log_level level, const char *msg, ...)
{
    if (!wf_log_enabled(level))
        return;
    const char *fields[2 * WF_LOG_FIELDS_MAX + 1];
    int n = 0;
    va_list ap;
    va_start(ap, msg);
    for (const char *s; n < 2 * WF_LOG_FIELDS_MAX && (s = va_arg(ap, const char *)) != NULL;) {
        fields[n++] = s;
        fields[n++] = va_arg(ap, const char *);
    }
    va_end(ap);
    fields[n] = NULL;
    char time[WF_RFC3339_SIZE], line[WF_LOG_LINE_MAX];
    int len = wf_log_line(line, sizeof line - 1, setup.format, level,
                          wf_rfc3339(wf_clock_unix_ms(), time), setup.node, msg, fields);
    line[len++] = '\n';
    // One write per line keeps lines of different threads apart; a log that cannot be written has
    // nowhere to complain.
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)len);
    (void)ignored;
}

static char *ring(void)
{
    static _Thread_local char text[16][24];
    static _Thread_local unsigned next;
    return text[next++ % 16];
}

const char *wf_log_i(long long v)
{
    char *s = ring();
    snprintf(s, 24, "%lld", v);
    return s;
}

const char *wf_log_u(unsigned long long v)
{
    char *s = ring();
    snprintf(s, 24, "%llu", v);
    return s;
}
