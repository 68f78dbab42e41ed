// SPDX-License-Identifier: Apache-2.0
#include "cli/print.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/columns.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/wrap.h"
#include "cli/yaml.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "rpc/json.h"
#include "watchfire/v1/common.pb-c.h"

enum { OUTPUT_MAX = 64 * 1024 * 1024, LABEL_WIDTH = 20 };

static const char *text_of(struct wf_buf *b)
{
    const char *s = wf_buf_cstr(b);
    return s ? s : "";
}

// --- tables --------------------------------------------------------------------------------------

static void put_cell(struct wf_table *t, const struct wf_column *col, const ProtobufCMessage *item,
                     wf_unix_ms now)
{
    struct wf_buf text;
    wf_buf_init(&text, OUTPUT_MAX);
    const ProtobufCMessage *owner;
    const ProtobufCFieldDescriptor *f;
    const char *const paths[] = {col->path, col->otherwise[0], col->otherwise[1]};
    for (size_t i = 0; i < 3 && paths[i] && text.len == 0; i++)
        if (wf_text_find(item, paths[i], 0, &owner, &f) && !wf_text_is_default(owner, f))
            wf_text_field(&text, owner, f, now, col->time);
    const char *cell = text_of(&text);
    if (col->code && *cell)
        cell = wf_code_name(atoi(cell));
    if (col->method && strrchr(cell, '/'))
        cell = strrchr(cell, '/') + 1;
    bool said = !(col->right && strcmp(cell, "-1") == 0) && // -1: not known
                !(col->above_one && strcmp(cell, "1") == 0);
    wf_table_cell(t, said ? cell : "");
    wf_buf_free(&text);
}

void wf_print_list(const struct wf_printer *p, const ProtobufCMessage *msg,
                   const ProtobufCFieldDescriptor *list, unsigned indent)
{
    ProtobufCMessage *const *items;
    size_t n = wf_text_list(msg, list, &items);
    const struct wf_column *columns = wf_columns_of(list->descriptor);
    WF_ASSERT(columns); // cli.print checks that every list's type has columns
    if (n == 0) {
        fprintf(p->out, "%*snone\n", (int)indent, "");
        return;
    }
    struct wf_table t;
    wf_table_init(&t);
    for (const struct wf_column *c = columns; c->header; c++)
        wf_table_column(&t, c->header, c->right);
    for (size_t i = 0; i < n; i++)
        for (const struct wf_column *c = columns; c->header; c++)
            put_cell(&t, c, items[i], p->now);
    if (!wf_table_print(&t, p->out, indent, p->width, p->color))
        fprintf(p->out, "%*sout of memory\n", (int)indent, "");
    wf_table_free(&t);
}

// --- cards ---------------------------------------------------------------------------------------

// "declared_at" as "Declared at:". Returns its columns.
static unsigned put_label(const struct wf_printer *p, const char *name, unsigned indent)
{
    char label[64];
    snprintf(label, sizeof(label), "%s:", strcmp(name, "id") == 0 ? "ID" : name);
    for (char *c = label; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    label[0] = (char)toupper((unsigned char)label[0]);
    fprintf(p->out, "%*s%s%s%s", (int)indent, "", p->color ? "\033[2m" : "", label,
            p->color ? "\033[0m" : "");
    return (unsigned)strlen(label);
}

static bool is_plain(const ProtobufCFieldDescriptor *f)
{
    return f->type != PROTOBUF_C_TYPE_MESSAGE ||
           f->descriptor == &google__protobuf__timestamp__descriptor ||
           f->descriptor == &watchfire__v1__actor__descriptor;
}

static void put_field(const struct wf_printer *p, const ProtobufCMessage *msg,
                      const ProtobufCFieldDescriptor *f, unsigned indent)
{
    if (is_plain(f)) {
        struct wf_buf text;
        wf_buf_init(&text, OUTPUT_MAX);
        wf_text_field(&text, msg, f, p->now, WF_TIME_BOTH);
        unsigned label = put_label(p, f->name, indent);
        fprintf(p->out, "%*s", label < LABEL_WIDTH ? (int)(LABEL_WIDTH - label) : 1, "");
        wf_wrap_print(p->out, text_of(&text), indent + LABEL_WIDTH, p->width);
        wf_buf_free(&text);
        return;
    }
    put_label(p, f->name, indent);
    fputc('\n', p->out);
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        wf_print_list(p, msg, f, indent + 2);
    else
        wf_print_card(p, wf_text_sub(msg, f), indent + 2);
}

void wf_print_card(const struct wf_printer *p, const ProtobufCMessage *msg, unsigned indent)
{
    for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &msg->descriptor->fields[i];
        if (!wf_text_is_default(msg, f) && strcmp(f->name, "read") != 0)
            put_field(p, msg, f, indent);
    }
}

// --- all formats ---------------------------------------------------------------------------------

void wf_print_staleness(const struct wf_printer *p, const ProtobufCMessage *msg)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, "read");
    const ProtobufCMessage *sub = f ? wf_text_sub(msg, f) : NULL;
    const Watchfire__V1__ReadInfo *read = (const Watchfire__V1__ReadInfo *)sub;
    if (!read || !read->stale)
        return;
    struct wf_buf ago;
    wf_buf_init(&ago, 64);
    if (read->age_ms >= 0)
        wf_text_relative(&ago, p->now - read->age_ms, p->now);
    else
        wf_buf_puts(&ago, "at a time not known");
    fprintf(p->out, "(stale: as %s had it %s)\n", read->node, text_of(&ago));
    wf_buf_free(&ago);
}

static void put_human(const struct wf_printer *p, const ProtobufCMessage *msg, const char *view)
{
    const ProtobufCMessage *owner = msg;
    const ProtobufCFieldDescriptor *f = NULL;
    if (!view)
        wf_print_card(p, msg, 0);
    else if (!wf_text_find(msg, view, 0, &owner, &f))
        fputs("none\n", p->out);
    else if (f->label == PROTOBUF_C_LABEL_REPEATED)
        wf_print_list(p, owner, f, 0);
    else if (wf_text_sub(owner, f))
        wf_print_card(p, wf_text_sub(owner, f), 0);
    wf_print_staleness(p, msg);
}

static int json_text(const struct wf_printer *p, const ProtobufCMessage *msg, unsigned flags,
                     struct wf_buf *out, struct wf_err *err)
{
    wf_buf_init(out, OUTPUT_MAX);
    int rc = wf_json_write(p->schema, msg, flags, out);
    if (rc != WF_OK) {
        wf_buf_free(out);
        return wf_fail(err, rc, "the answer does not fit into memory");
    }
    return WF_OK;
}

int wf_print_json_line(const struct wf_printer *p, const ProtobufCMessage *msg, struct wf_err *err)
{
    struct wf_buf json;
    int rc = json_text(p, msg, 0, &json, err);
    if (rc != WF_OK)
        return rc;
    fprintf(p->out, "%s\n", text_of(&json));
    wf_buf_free(&json);
    return WF_OK;
}

int wf_print(const struct wf_printer *p, const ProtobufCMessage *msg, const char *view,
             struct wf_err *err)
{
    if (p->format == WF_PRINT_HUMAN) {
        put_human(p, msg, view);
        return WF_OK;
    }
    struct wf_buf json;
    int rc = json_text(p, msg, WF_JSON_PRETTY, &json, err);
    if (rc != WF_OK)
        return rc;
    if (p->format == WF_PRINT_JSON)
        fprintf(p->out, "%s\n", text_of(&json));
    else
        rc = wf_yaml_from_json((const char *)json.data, json.len, p->out, err);
    wf_buf_free(&json);
    return rc;
}

void wf_print_id(const struct wf_printer *p, const ProtobufCMessage *msg, const char *path)
{
    const ProtobufCMessage *owner;
    const ProtobufCFieldDescriptor *f, *head;
    char first[64];
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(path, "."), path);
    head = protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, first);
    WF_ASSERT(head);
    bool many = head->label == PROTOBUF_C_LABEL_REPEATED;
    for (size_t i = 0; (many || i == 0) && wf_text_find(msg, path, i, &owner, &f); i++) {
        struct wf_buf text;
        wf_buf_init(&text, OUTPUT_MAX);
        wf_text_field(&text, owner, f, p->now, WF_TIME_UTC);
        fprintf(p->out, "%s\n", text_of(&text));
        wf_buf_free(&text);
    }
}
