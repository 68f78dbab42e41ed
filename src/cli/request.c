// SPDX-License-Identifier: Apache-2.0
#include "cli/request.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "cli/files.h"
#include "proto/names.h"

static void *member(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
    return (char *)msg + f->offset;
}

static int no_memory(struct wf_err *err)
{
    return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
}

// --- texts into values ---------------------------------------------------------------------------

static int parse_number(const char *text, uint64_t max, uint64_t *out, struct wf_err *err)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || *out > max)
        return wf_fail(err, WF_INVALID_ARGUMENT, "\"%s\" is no number from 0 to %" PRIu64, text,
                       max);
    return WF_OK;
}

int wf_cli_duration(const char *text, uint64_t unit, uint64_t max, uint64_t *out,
                    struct wf_err *err)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    size_t digits = strspn(text, "0123456789");
    char number[21];
    if (digits > 0 && digits < sizeof(number) && strlen(text) <= digits + 1) {
        memcpy(number, text, digits);
        number[digits] = '\0';
        uint64_t factor = text[digits] ? 0 : unit, n = strtoull(number, NULL, 10);
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            if (text[digits] == units[i].letter)
                factor = units[i].seconds;
        if (factor && n <= UINT64_MAX / factor && n * factor % unit == 0 &&
            n * factor / unit <= max) {
            *out = n * factor / unit;
            if (*out == 0)
                return wf_fail(err, WF_INVALID_ARGUMENT,
                               "\"%s\" is no time at all: give more, or leave it out", text);
            return WF_OK;
        }
    }
    return wf_fail(err, WF_INVALID_ARGUMENT, "\"%s\" is no time such as %s", text,
                   unit == 60 ? "45m, 2h or 1d" : "90s, 10m, 8h or 30d");
}

static int store_number(void *at, ProtobufCType type, uint64_t n)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT32:
        *(uint32_t *)at = (uint32_t)n;
        return WF_OK;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        *(uint64_t *)at = n;
        return WF_OK;
    default:
        WF_UNREACHABLE();
    }
}

static uint64_t number_max(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
        return INT32_MAX;
    case PROTOBUF_C_TYPE_UINT32:
        return UINT32_MAX;
    case PROTOBUF_C_TYPE_INT64:
        return INT64_MAX;
    default:
        return UINT64_MAX;
    }
}

static int enum_value(const ProtobufCEnumDescriptor *e, const char *text, int *out,
                      struct wf_err *err)
{
    *out = wf_enum_value(e, text);
    if (*out > 0)
        return WF_OK;
    char known[200] = "";
    for (unsigned i = 0; i < e->n_values; i++) {
        size_t used = strlen(known);
        if (e->values[i].value == 0)
            continue; // UNSPECIFIED
        snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
                 wf_enum_name(e, e->values[i].value));
    }
    for (char *p = known; *p; p++)
        *p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
    return wf_fail(err, WF_INVALID_ARGUMENT, "\"%s\" is none of: %s", text, known);
}

// --- fields --------------------------------------------------------------------------------------

static int set_string(char **at, const char *text, struct wf_err *err)
{
    char *copy = strdup(text);
    if (!copy)
        return no_memory(err);
    if (*at != (char *)protobuf_c_empty_string)
        free(*at);
    *at = copy;
    return WF_OK;
}

static int append_string(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f, const char *text,
                         size_t len, struct wf_err *err)
{
    size_t *n = (size_t *)((char *)msg + f->quantifier_offset);
    char ***list = member(msg, f);
    char **grown = realloc(*list, (*n + 1) * sizeof(char *));
    if (!grown)
        return no_memory(err);
    *list = grown;
    grown[*n] = strndup(text, len);
    if (!grown[*n])
        return no_memory(err);
    ++*n;
    return WF_OK;
}

// One value, or several with commas between.
static int append_list(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f, const char *text,
                       struct wf_err *err)
{
    int rc = WF_OK;
    while (rc == WF_OK && *text) {
        size_t len = strcspn(text, ",");
        if (len > 0)
            rc = append_string(msg, f, text, len, err);
        text += len + (text[len] == ',');
    }
    return rc;
}

static int set_incident(char **at, const char *text, struct wf_err *err)
{
    const char *digits = strncasecmp(text, "INC-", 4) == 0 ? text + 4 : text;
    size_t len = strspn(digits, "0123456789");
    if (len == 0 || len > 19 || digits[len])
        return wf_fail(err, WF_INVALID_ARGUMENT, "\"%s\" is no incident such as INC-42", text);
    char id[32];
    snprintf(id, sizeof(id), "INC-%s", digits);
    return set_string(at, id, err);
}

static int set_scalar(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f,
                      enum wf_cli_kind kind, const char *text, struct wf_err *err)
{
    uint64_t n = 0;
    int rc, value;
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        return kind == WF_PARAM_INCIDENT ? set_incident(member(msg, f), text, err)
                                         : set_string(member(msg, f), text, err);
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member(msg, f) = strcmp(text, "true") == 0;
        return WF_OK;
    case PROTOBUF_C_TYPE_ENUM:
        rc = enum_value(f->descriptor, text, &value, err);
        if (rc == WF_OK)
            *(int *)member(msg, f) = value;
        return rc;
    default:
        rc = kind == WF_PARAM_SECONDS   ? wf_cli_duration(text, 1, number_max(f->type), &n, err)
             : kind == WF_PARAM_MINUTES ? wf_cli_duration(text, 60, number_max(f->type), &n, err)
                                        : parse_number(text, number_max(f->type), &n, err);
        return rc == WF_OK ? store_number(member(msg, f), f->type, n) : rc;
    }
}

static ProtobufCMessage *new_message(const ProtobufCMessageDescriptor *d)
{
    ProtobufCMessage *msg = malloc(d->sizeof_message);
    if (msg)
        protobuf_c_message_init(d, msg);
    return msg;
}

// "ic", "ops", "ops/database", ...: the role, and the group when one is named.
static int set_role(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f, const char *text,
                    struct wf_err *err)
{
    static const struct {
        const char *name, *value;
    } names[] = {{"ic", "COMMANDER"}, {"ops", "OPS_LEAD"}, {"comms", "COMMUNICATIONS"}};
    size_t len = strcspn(text, "/:");
    char word[32];
    snprintf(word, sizeof(word), "%.*s", (int)(len < 31 ? len : 31), text);
    const char *role = word;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(word, names[i].name) == 0)
            role = names[i].value;
    int value = wf_enum_value(f->descriptor, role);
    if (value <= 0)
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "\"%s\" is none of: ic, ops, ops/GROUP, comms, scribe, liaison", text);
    *(int *)member(msg, f) = value;
    if (!text[len])
        return WF_OK;
    return wf_cli_request_set(msg, "group", WF_PARAM_STRING, text + len + 1, err);
}

int wf_cli_request_set(ProtobufCMessage *msg, const char *path, enum wf_cli_kind kind,
                       const char *text, struct wf_err *err)
{
    char name[64];
    size_t len = strcspn(path, ".");
    WF_ASSERT(len < sizeof(name));
    memcpy(name, path, len);
    name[len] = '\0';
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, name);
    WF_ASSERT(f); // the table names a field that is not there
    if (path[len] == '.') {
        ProtobufCMessage **sub = member(msg, f);
        if (!*sub && !(*sub = new_message(f->descriptor)))
            return no_memory(err);
        return wf_cli_request_set(*sub, path + len + 1, kind, text, err);
    }
    if (!wf_utf8_valid(text, strlen(text)))
        return wf_fail(err, WF_INVALID_ARGUMENT, "the text is not UTF-8");
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return append_list(msg, f, text, err);
    return kind == WF_PARAM_ROLE ? set_role(msg, f, text, err)
                                 : set_scalar(msg, f, kind, text, err);
}

// --- the whole request ---------------------------------------------------------------------------

// A text is what was written, or what a file or standard input holds, without the last newlines.
static int set_text(ProtobufCMessage *msg, const struct wf_cli_param *p, const char *path, FILE *in,
                    struct wf_err *err)
{
    struct wf_buf text;
    wf_buf_init(&text, WF_COMMAND_MAX);
    int rc = wf_file_read(path, in, &text, err);
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    const char *s = rc == WF_OK ? wf_buf_cstr(&text) : NULL;
    if (rc == WF_OK && (!s || strlen(s) != text.len))
        rc = wf_fail(err, WF_INVALID_ARGUMENT, "the text holds a NUL byte");
    if (rc == WF_OK)
        rc = wf_cli_request_set(msg, p->field, p->kind, s, err);
    wf_buf_free(&text);
    return rc;
}

static int check_values(const struct wf_cli_param *p, const char *text, struct wf_err *err)
{
    size_t n = strlen(text), len;
    for (const char *v = p->values; v && *v; v += len + strspn(v + len, ", ")) {
        len = strcspn(v, ",");
        if (len == n && strncasecmp(v, text, n) == 0)
            return WF_OK;
    }
    return p->values ? wf_fail(err, WF_INVALID_ARGUMENT, "\"%s\" is none of: %s", text, p->values)
                     : WF_OK;
}

static int set_value(ProtobufCMessage *msg, const struct wf_cli_value *v, FILE *in,
                     struct wf_err *err)
{
    const struct wf_cli_param *p = v->param;
    int rc = check_values(p, v->text, err);
    if (rc == WF_OK)
        rc = p->kind == WF_PARAM_TEXT && strcmp(v->text, "-") == 0
                 ? set_text(msg, p, "-", in, err)
                 : wf_cli_request_set(msg, p->field, p->kind, v->text, err);
    return rc == WF_OK ? rc : wf_wrap(err, rc, "%s%s", p->flag ? "--" : "", p->name);
}

static int set_from_file(ProtobufCMessage *msg, const struct wf_cli_args *args, FILE *in,
                         struct wf_err *err)
{
    const char *file = wf_cli_args_get(args, "file");
    for (const struct wf_cli_param *p = args->command->params; file && p->name; p++) {
        if (p->kind != WF_PARAM_TEXT)
            continue;
        if (wf_cli_args_get(args, p->name))
            return wf_fail(err, WF_INVALID_ARGUMENT, "give %s or --file, not both", p->name);
        return set_text(msg, p, file, in, err);
    }
    return WF_OK;
}

int wf_cli_request_build(const struct wf_cli_args *args, FILE *in, ProtobufCMessage **out,
                         struct wf_err *err)
{
    ProtobufCMessage *msg = new_message(wf_cli_request_type(args->command));
    if (!msg)
        return no_memory(err);
    int rc = WF_OK;
    const struct wf_cli_preset *preset = args->command->presets;
    for (; rc == WF_OK && preset && preset->field; preset++)
        rc = wf_cli_request_set(msg, preset->field, WF_PARAM_STRING, preset->value, err);
    for (size_t i = 0; rc == WF_OK && i < args->n; i++)
        if (args->values[i].param->field)
            rc = set_value(msg, &args->values[i], in, err);
    if (rc == WF_OK)
        rc = set_from_file(msg, args, in, err);
    const char *id = wf_cli_args_get(args, "request-id");
    if (rc == WF_OK && id &&
        protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, "request_id"))
        rc = wf_cli_request_set(msg, "request_id", WF_PARAM_STRING, id, err);
    if (rc != WF_OK) {
        protobuf_c_message_free_unpacked(msg, NULL);
        return rc;
    }
    *out = msg;
    return WF_OK;
}
