// SPDX-License-Identifier: Apache-2.0
#include "cli/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "proto/names.h"
#include "proto/time.h"
#include "watchfire/v1/common.pb-c.h"
#include "watchfire/v1/incident.pb-c.h"

enum { VALUE_MAX = 64 * 1024 };
enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static const void *member(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
    return (const char *)msg + f->offset;
}

static size_t count(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
    return *(const size_t *)((const char *)msg + f->quantifier_offset);
}

// C0, DEL, and C1 (U+0080 to U+009F, in UTF-8 C2 80 to C2 9F) drive terminals.
void wf_text_clean(struct wf_buf *out, const char *text, size_t len, bool one_line)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i],
                      next = i + 1 < len ? (unsigned char)text[i + 1] : 0;
        if (c == '\n' || c == '\t')
            wf_buf_putc(out, one_line || c == '\t' ? ' ' : '\n');
        else if (c < 0x20 || c == 0x7f)
            wf_buf_putc(out, '?');
        else if (c == 0xc2 && next >= 0x80 && next <= 0x9f)
            wf_buf_putc(out, '?'), i++;
        else
            wf_buf_putc(out, (char)c);
    }
}

void wf_text_relative(struct wf_buf *out, wf_unix_ms t, wf_unix_ms now)
{
    int64_t d = t > now ? t - now : now - t;
    if (d < 5 * SECOND) {
        wf_buf_puts(out, "just now");
        return;
    }
    static const struct {
        int64_t below, unit;
        const char *name;
    } steps[] = {{MINUTE, SECOND, "s"},
                 {2LL * HOUR, MINUTE, "min"},
                 {2LL * DAY, HOUR, "h"},
                 {730LL * DAY, DAY, "days"},
                 {INT64_MAX, 365LL * DAY, "years"}};
    size_t i = 0;
    while (d >= steps[i].below)
        i++;
    wf_buf_printf(out, "%s%" PRId64 " %s%s", t > now ? "in " : "", d / steps[i].unit, steps[i].name,
                  t > now ? "" : " ago");
}

void wf_text_time(struct wf_buf *out, wf_unix_ms t, wf_unix_ms now, enum wf_text_time form)
{
    char utc[WF_RFC3339_SIZE];
    if (form != WF_TIME_RELATIVE) {
        wf_rfc3339(t, utc);
        wf_buf_printf(out, "%.10s %.8sZ", utc, utc + 11);
    }
    if (form == WF_TIME_BOTH)
        wf_buf_puts(out, " (");
    if (form != WF_TIME_UTC)
        wf_text_relative(out, t, now);
    if (form == WF_TIME_BOTH)
        wf_buf_putc(out, ')');
}

bool wf_text_is_default(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return count(msg, f) == 0;
    const void *at = member(msg, f);
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        return !*(char *const *)at || **(char *const *)at == '\0';
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)at)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE: {
        bool other = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
                     *(const uint32_t *)((const char *)msg + f->quantifier_offset) != f->id;
        return other || !*(ProtobufCMessage *const *)at;
    }
    case PROTOBUF_C_TYPE_BOOL:
        return !*(const protobuf_c_boolean *)at;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        return *(const uint64_t *)at == 0;
    default:
        return *(const uint32_t *)at == 0;
    }
}

// --- single values -------------------------------------------------------------------------------

// The names the practice uses: "@all: IC -> Ricardo".
static const char *role_name(int value)
{
    static const char *const names[] = {"-", "IC", "Ops", "Comms", "Scribe", "Liaison"};
    return value >= 0 && value < (int)(sizeof(names) / sizeof(names[0])) ? names[value] : "?";
}

static void put_enum(struct wf_buf *out, const ProtobufCEnumDescriptor *e, int value)
{
    if (e == &watchfire__v1__incident_role__descriptor) {
        wf_buf_puts(out, role_name(value));
        return;
    }
    if (value == 0)
        return; // UNSPECIFIED says nothing
    for (const char *p = wf_enum_name(e, value); *p; p++)
        wf_buf_putc(out, *p == '_' ? '-' : (char)tolower((unsigned char)*p));
}

static void put_message(struct wf_buf *out, const ProtobufCMessage *m, wf_unix_ms now,
                        enum wf_text_time form)
{
    if (!m)
        return;
    if (m->descriptor == &google__protobuf__timestamp__descriptor) {
        wf_text_time(out, wf_timestamp_ms((const Google__Protobuf__Timestamp *)m), now, form);
    } else if (m->descriptor == &watchfire__v1__actor__descriptor) {
        const char *name = ((const Watchfire__V1__Actor *)m)->name;
        wf_text_clean(out, name, strlen(name), true);
    }
}

static void put_value(struct wf_buf *out, const ProtobufCFieldDescriptor *f, const void *at,
                      wf_unix_ms now, enum wf_text_time form)
{
    char hex[2 * WF_HASH_SIZE + 1];
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *s = *(char *const *)at;
        wf_text_clean(out, s ? s : "", s ? strlen(s) : 0, false);
        break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *b = at;
        wf_buf_puts(out, wf_hex(b->data, b->len < WF_HASH_SIZE ? b->len : WF_HASH_SIZE, hex));
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        put_message(out, *(ProtobufCMessage *const *)at, now, form);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        put_enum(out, f->descriptor, *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        wf_buf_puts(out, *(const protobuf_c_boolean *)at ? "yes" : "no");
        break;
    case PROTOBUF_C_TYPE_UINT64:
        wf_buf_printf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
        wf_buf_printf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT32:
        wf_buf_printf(out, "%" PRId32, *(const int32_t *)at);
        break;
    default:
        wf_buf_printf(out, "%" PRIu32, *(const uint32_t *)at);
        break;
    }
}

static size_t value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        return 8;
    default:
        return 4;
    }
}

void wf_text_field(struct wf_buf *out, const ProtobufCMessage *msg,
                   const ProtobufCFieldDescriptor *f, wf_unix_ms now, enum wf_text_time form)
{
    const void *at = member(msg, f);
    if (f->label != PROTOBUF_C_LABEL_REPEATED) {
        put_value(out, f, at, now, form);
        return;
    }
    const char *items = *(const char *const *)at;
    for (size_t i = 0; i < count(msg, f); i++) {
        if (i > 0)
            wf_buf_puts(out, ", ");
        put_value(out, f, items + i * value_size(f->type), now, form);
    }
}

// --- paths ---------------------------------------------------------------------------------------

size_t wf_text_list(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f,
                    ProtobufCMessage *const **items)
{
    WF_ASSERT(f->label == PROTOBUF_C_LABEL_REPEATED && f->type == PROTOBUF_C_TYPE_MESSAGE);
    *items = *(ProtobufCMessage *const *const *)member(msg, f);
    return count(msg, f);
}

const ProtobufCMessage *wf_text_sub(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
    WF_ASSERT(f->label != PROTOBUF_C_LABEL_REPEATED && f->type == PROTOBUF_C_TYPE_MESSAGE);
    return wf_text_is_default(msg, f) ? NULL : *(ProtobufCMessage *const *)member(msg, f);
}

bool wf_text_find(const ProtobufCMessage *msg, const char *path, size_t index,
                  const ProtobufCMessage **owner, const ProtobufCFieldDescriptor **f)
{
    for (;;) {
        char name[64];
        size_t len = strcspn(path, ".");
        WF_ASSERT(len < sizeof(name));
        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        *owner = msg;
        *f = protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, name);
        WF_ASSERT(*f);
        if (!path[len])
            return true;
        path += len + 1;
        if ((*f)->label == PROTOBUF_C_LABEL_REPEATED) {
            ProtobufCMessage *const *items;
            if (index >= wf_text_list(msg, *f, &items))
                return false;
            msg = items[index];
        } else if (!(msg = wf_text_sub(msg, *f))) {
            return false;
        }
    }
}

static void fill_one(struct wf_buf *out, const char *name, const ProtobufCMessage *msg,
                     const struct wf_cli_args *args, wf_unix_ms now)
{
    const ProtobufCMessage *owner;
    const ProtobufCFieldDescriptor *f;
    if (isupper((unsigned char)name[0])) {
        const char *given = wf_cli_args_get(args, name);
        wf_text_clean(out, given ? given : "", given ? strlen(given) : 0, true);
    } else if (msg && wf_text_find(msg, name, 0, &owner, &f)) {
        wf_text_field(out, owner, f, now, WF_TIME_BOTH);
    }
}

void wf_text_quote(struct wf_buf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:@%+,=";
    if (*text && !text[strspn(text, plain)]) {
        wf_buf_puts(out, text);
        return;
    }
    wf_buf_putc(out, '\'');
    for (; *text; text++)
        if (*text == '\'')
            wf_buf_puts(out, "'\\''");
        else
            wf_buf_putc(out, *text);
    wf_buf_putc(out, '\'');
}

static void fill_word(struct wf_buf *out, const char *name, const ProtobufCMessage *msg,
                      const struct wf_cli_args *args, wf_unix_ms now)
{
    struct wf_buf value;
    wf_buf_init(&value, VALUE_MAX);
    fill_one(&value, name, msg, args, now);
    const char *s = wf_buf_cstr(&value);
    if (s && *s)
        wf_text_quote(out, s);
    wf_buf_free(&value);
}

static void fill(struct wf_buf *out, const char *text, const ProtobufCMessage *msg,
                 const struct wf_cli_args *args, wf_unix_ms now, bool command)
{
    while (*text) {
        if (*text == '{') {
            char name[64];
            size_t len = strcspn(text, "}");
            WF_ASSERT(text[len] == '}' && len < sizeof(name));
            snprintf(name, sizeof(name), "%.*s", (int)len - 1, text + 1);
            size_t before = out->len;
            (command ? fill_word : fill_one)(out, name, msg, args, now);
            if (out->len == before && before > 0 && strchr(" /", out->data[before - 1]))
                out->len--; // nothing there: nor what sets it off
            text += len + 1;
        } else {
            wf_buf_putc(out, *text++);
        }
    }
}

void wf_text_fill(struct wf_buf *out, const char *text, const ProtobufCMessage *msg,
                  const struct wf_cli_args *args, wf_unix_ms now)
{
    fill(out, text, msg, args, now, false);
}

void wf_text_fill_command(struct wf_buf *out, const char *text, const ProtobufCMessage *msg,
                          const struct wf_cli_args *args, wf_unix_ms now)
{
    fill(out, text, msg, args, now, true);
}
