// SPDX-License-Identifier: Apache-2.0
#include "http/prescan.h"

#include <string.h>
#include <strings.h>

#include "base/assert.h"

// --- the end of the section ---

static enum wf_prescan_state bad(struct wf_prescan *p, const char *why)
{
    p->why = why;
    return WF_PRESCAN_BAD;
}

// A line has ended with CR LF.
static bool section_ends(struct wf_prescan *p)
{
    bool empty = p->line == 0;
    bool ends = empty && (p->begun || p->trailers);
    p->begun |= !empty;
    p->line = 0;
    return ends;
}

enum wf_prescan_state wf_prescan(struct wf_prescan *p, const uint8_t *data, size_t len)
{
    while (p->at < len) {
        uint8_t c = data[p->at++];
        if (p->cr) {
            if (c != '\n')
                return bad(p, "a carriage return without a line feed");
            p->cr = false;
            if (section_ends(p))
                return WF_PRESCAN_DONE;
        } else if (c == '\r')
            p->cr = true;
        else if (c == '\n')
            return bad(p, "a line feed without a carriage return");
        else if ((c < ' ' && c != '\t') || c == 0x7f)
            return bad(p, "a control character");
        else if (p->line++ == 0 && (c == ' ' || c == '\t'))
            return bad(p, "a line that begins with white space");
    }
    return WF_PRESCAN_MORE;
}

// --- grammar ---

static bool is_tchar(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && is_tchar(s[n]))
        n++;
    return n;
}

static bool is_digits(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return len > 0;
}

// One line without its CR LF; *rest moves behind it.
static const char *next_line(const char **rest, const char *end, size_t *len)
{
    const char *line = *rest, *cr = memchr(line, '\r', (size_t)(end - line));
    WF_ASSERT(cr != NULL && cr + 1 < end && cr[1] == '\n');
    *len = (size_t)(cr - line);
    *rest = cr + 2;
    return line;
}

struct field {
    const char *name, *value;
    size_t name_len, value_len;
};

static bool split_field(const char *line, size_t len, struct field *f)
{
    f->name = line;
    f->name_len = token(line, len);
    if (f->name_len == 0 || f->name_len == len || line[f->name_len] != ':')
        return false;
    f->value = line + f->name_len + 1;
    f->value_len = len - f->name_len - 1;
    while (f->value_len > 0 && (*f->value == ' ' || *f->value == '\t')) {
        f->value++;
        f->value_len--;
    }
    while (f->value_len > 0 &&
           (f->value[f->value_len - 1] == ' ' || f->value[f->value_len - 1] == '\t'))
        f->value_len--;
    return true;
}

static bool named(const struct field *f, const char *name)
{
    return f->name_len == strlen(name) && strncasecmp(f->name, name, f->name_len) == 0;
}

// METHOD SP TARGET SP HTTP/1.x, nothing else. Returns the minor version, or -1.
static int request_line(const char *line, size_t len, const char **target, size_t *target_len)
{
    static const char version[] = " HTTP/1.";
    size_t method = token(line, len), tail = sizeof version; // and one digit
    if (method == 0 || len < method + 1 + tail + 1 || line[method] != ' ')
        return -1;
    const char *v = line + len - tail;
    if (memcmp(v, version, sizeof version - 1) != 0 || (v[tail - 1] != '0' && v[tail - 1] != '1'))
        return -1;
    *target = line + method + 1;
    *target_len = (size_t)(v - *target);
    for (size_t i = 0; i < *target_len; i++)
        if ((*target)[i] <= ' ' || (unsigned char)(*target)[i] > 0x7e)
            return -1;
    return v[tail - 1] - '0';
}

struct framing {
    int hosts, lengths, codings;
};

static int check_field(const struct field *f, int minor, struct framing *seen, struct wf_err *err)
{
    if (named(f, "host")) {
        for (size_t i = 0; i < f->value_len; i++)
            if (strchr(" \t,/\\@?#", f->value[i]))
                return wf_fail(err, WF_INVALID_ARGUMENT, "a Host that is none");
        if (seen->hosts++ > 0)
            return wf_fail(err, WF_INVALID_ARGUMENT, "more than one Host");
    } else if (named(f, "content-length")) {
        if (seen->lengths++ > 0)
            return wf_fail(err, WF_INVALID_ARGUMENT, "more than one Content-Length");
        if (!is_digits(f->value, f->value_len))
            return wf_fail(err, WF_INVALID_ARGUMENT, "a Content-Length that is no number");
    } else if (named(f, "transfer-encoding")) {
        if (seen->codings++ > 0 || minor == 0 || f->value_len != 7 ||
            strncasecmp(f->value, "chunked", 7) != 0)
            return wf_fail(err, WF_INVALID_ARGUMENT, "a Transfer-Encoding other than chunked");
    }
    if (seen->lengths > 0 && seen->codings > 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "both Content-Length and Transfer-Encoding");
    return WF_OK;
}

static const char *skip_empty_lines(const char *p, const char *end)
{
    while (end - p >= 2 && p[0] == '\r')
        p += 2;
    return p;
}

int wf_prescan_request(const char *head, size_t len, struct wf_err *err)
{
    const char *end = head + len, *rest = skip_empty_lines(head, end), *target;
    size_t n, target_len;
    struct framing seen = {0};
    const char *line = next_line(&rest, end, &n);
    int minor = request_line(line, n, &target, &target_len);
    if (minor < 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "a request line that is none of HTTP/1.0 or 1.1");
    while (line = next_line(&rest, end, &n), n > 0) {
        struct field f;
        if (!split_field(line, n, &f))
            return wf_fail(err, WF_INVALID_ARGUMENT, "a header line without a proper name");
        int rc = check_field(&f, minor, &seen, err);
        if (rc != WF_OK)
            return rc;
    }
    if (minor == 1 && seen.hosts == 0)
        return wf_fail(err, WF_INVALID_ARGUMENT, "no Host");
    return WF_OK;
}

int wf_prescan_trailers(const char *section, size_t len, struct wf_err *err)
{
    const char *end = section + len, *rest = section, *line;
    size_t n;
    while (line = next_line(&rest, end, &n), n > 0) {
        struct field f;
        if (!split_field(line, n, &f))
            return wf_fail(err, WF_INVALID_ARGUMENT, "a trailer line without a proper name");
        if (named(&f, "host") || named(&f, "content-length") || named(&f, "transfer-encoding"))
            return wf_fail(err, WF_INVALID_ARGUMENT, "a trailer that belongs into the header");
    }
    return WF_OK;
}

// --- taking apart ---

void wf_head_split(char *head, size_t len, struct wf_head *out, struct wf_header *fields,
                   size_t room)
{
    const char *end = head + len, *rest = skip_empty_lines(head, end), *target;
    size_t n, target_len;
    char *line = (char *)next_line(&rest, end, &n);
    int minor = request_line(line, n, &target, &target_len);
    WF_ASSERT(minor >= 0);
    *out = (struct wf_head){.method = line, .target = (char *)target, .version = 10 + minor};
    out->target[-1] = 0;
    out->target[target_len] = 0;
    while (line = (char *)next_line(&rest, end, &n), n > 0) {
        struct field f;
        bool ok = split_field(line, n, &f);
        WF_ASSERT(ok);
        for (size_t i = 0; i < f.name_len; i++)
            if (line[i] >= 'A' && line[i] <= 'Z')
                line[i] = (char)(line[i] - 'A' + 'a');
        line[f.name_len] = 0;
        ((char *)f.value)[f.value_len] = 0;
        if (out->n < room)
            fields[out->n] = (struct wf_header){f.name, f.value};
        out->n++;
    }
}
