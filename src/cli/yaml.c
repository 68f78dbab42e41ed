// SPDX-License-Identifier: Apache-2.0
#include "cli/yaml.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

static void put_value(const json_t *v, FILE *out, int indent, bool in_list);

// Plain when no reader can take it for anything else; otherwise in quotes, as JSON, which YAML 1.2
// is a superset of.
static bool is_plain(const char *s)
{
    static const char *const taken[] = {"true", "false", "null", "yes", "no", "on", "off", "~", ""};
    if (!isalpha((unsigned char)s[0]) && s[0] != '\0')
        return false;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (strcasecmp(s, taken[i]) == 0)
            return false;
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-_./ ", *p))
            return false;
    return s[strlen(s) - 1] != ' ';
}

static void put_scalar(const json_t *v, FILE *out)
{
    if (json_is_string(v) && is_plain(json_string_value(v)))
        fputs(json_string_value(v), out);
    else
        json_dumpf(v, out, JSON_ENCODE_ANY);
}

static bool is_block(const json_t *v)
{
    return (json_is_object(v) && json_object_size(v) > 0) ||
           (json_is_array(v) && json_array_size(v) > 0);
}

static void put_object(const json_t *v, FILE *out, int indent, bool in_list)
{
    const char *key;
    json_t *item;
    bool first = true;
    json_object_foreach((json_t *)v, key, item)
    {
        fprintf(out, "%*s%s:", first && in_list ? 0 : indent, "", key);
        first = false;
        fputc(is_block(item) ? '\n' : ' ', out);
        put_value(item, out, json_is_array(item) ? indent : indent + 2, false);
    }
}

static void put_array(const json_t *v, FILE *out, int indent)
{
    size_t i;
    json_t *item;
    json_array_foreach(v, i, item)
    {
        fprintf(out, "%*s- ", indent, "");
        put_value(item, out, indent + 2, true);
    }
}

static void put_value(const json_t *v, FILE *out, int indent, bool in_list)
{
    if (!is_block(v)) {
        put_scalar(v, out);
        fputc('\n', out);
    } else if (json_is_object(v)) {
        put_object(v, out, indent, in_list);
    } else {
        put_array(v, out, indent);
    }
}

int wf_yaml_from_json(const char *json, size_t len, FILE *out, struct wf_err *err)
{
    json_error_t why;
    json_t *root = json_loadb(json, len, JSON_DECODE_ANY, &why);
    if (!root)
        return wf_fail(err, WF_INVALID_ARGUMENT, "not JSON: %s", why.text);
    put_value(root, out, 0, false);
    json_decref(root);
    return WF_OK;
}
