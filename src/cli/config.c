// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <cyaml/cyaml.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/limits.h"
#include "cli/files.h"
#include "cli/request.h"

enum { TEXT_MAX = 4096, ENDPOINTS_MAX = 64 };

// --- the file ------------------------------------------------------------------------------------

struct file {
    char **endpoints;
    unsigned endpoints_count;
    char *ca, *cert, *key, *token, *timeout;
};

static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_MAX)};

#define TEXT(key, member)                                                                          \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, member, 1,  \
                           TEXT_MAX)

static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_SEQUENCE("endpoints", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file,
                         endpoints, &text_value, 1, ENDPOINTS_MAX),
    TEXT("ca", ca),
    TEXT("cert", cert),
    TEXT("key", key),
    TEXT("token", token),
    TEXT("timeout", timeout),
    CYAML_FIELD_END};

static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields)};

static void first_complaint(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    char *line = ctx;
    if (level >= CYAML_LOG_ERROR && !line[0])
        vsnprintf(line, 300, fmt, args);
    for (char *p = line; *p; p++)
        *p = *p == '\n' ? ' ' : *p;
}

static const cyaml_config_t *cyaml_settings(char complaint[300])
{
    static _Thread_local cyaml_config_t settings;
    complaint[0] = '\0';
    settings = (cyaml_config_t){.log_fn = first_complaint,
                                .log_ctx = complaint,
                                .log_level = CYAML_LOG_ERROR,
                                .mem_fn = cyaml_mem};
    return &settings;
}

// Take *from over into *to, unless *to is set already; what is not taken is freed.
static void take(char **to, char **from)
{
    if (!*to) {
        *to = *from;
        *from = NULL;
    }
    free(*from);
    *from = NULL;
}

// The same for a path, which is relative to the directory of the file.
static bool take_path(char **to, char **from, const char *file)
{
    bool relative = *from && (*from)[0] != '/' && !*to;
    if (relative) {
        char *copy = strdup(file), *joined = NULL;
        if (!copy || asprintf(&joined, "%s/%s", dirname(copy), *from) < 0)
            joined = NULL;
        free(copy);
        free(*from);
        *from = joined;
    }
    bool ok = !relative || *from;
    take(to, from);
    return ok;
}

static bool take_file(struct wf_cli_config *c, struct file *f, const char *path)
{
    if (c->n_endpoints == 0) {
        c->endpoints = f->endpoints;
        c->n_endpoints = f->endpoints_count;
    } else {
        for (unsigned i = 0; i < f->endpoints_count; i++)
            free(f->endpoints[i]);
        free(f->endpoints);
    }
    bool ok = take_path(&c->ca, &f->ca, path);
    // A certificate of the file goes with a key of the file only.
    bool own_cert = c->cert || c->key;
    if (own_cert) {
        free(f->cert);
        free(f->key);
        f->cert = f->key = NULL;
    }
    ok = take_path(&c->cert, &f->cert, path) && ok;
    ok = take_path(&c->key, &f->key, path) && ok;
    take(&c->token, &f->token);
    take(&c->timeout, &f->timeout);
    free(f);
    return ok;
}

static int read_file(struct wf_cli_config *c, const char *path, struct wf_err *err)
{
    struct wf_buf text;
    wf_buf_init(&text, 64 * 1024);
    int rc = wf_file_read(path, NULL, &text, err);
    struct file *f = NULL;
    char complaint[300];
    if (rc == WF_OK && text.len > 0) {
        cyaml_err_t bad = cyaml_load_data(text.data, text.len, cyaml_settings(complaint),
                                          &file_schema, (cyaml_data_t **)&f, NULL);
        if (bad != CYAML_OK)
            rc = wf_fail(err, WF_INVALID_ARGUMENT, "%s: %s", path,
                         complaint[0] ? complaint : cyaml_strerror(bad));
    }
    wf_buf_free(&text);
    if (rc == WF_OK && f && !take_file(c, f, path))
        rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    if (rc == WF_OK && !(c->path = strdup(path)))
        rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    return rc;
}

// ~/.config/watchfire/config.yaml, or NULL when there is no home.
static char *default_path(char *(*getenv_fn)(const char *))
{
    const char *xdg = getenv_fn("XDG_CONFIG_HOME"), *home = getenv_fn("HOME");
    char *path = NULL;
    int n = xdg && xdg[0] ? asprintf(&path, "%s/watchfire/config.yaml", xdg)
            : home        ? asprintf(&path, "%s/.config/watchfire/config.yaml", home)
                          : -1;
    return n < 0 ? NULL : path;
}

static int load_file(struct wf_cli_config *c, const struct wf_cli_args *args,
                     char *(*getenv_fn)(const char *), struct wf_err *err)
{
    const char *named = wf_cli_args_get(args, "config");
    if (!named)
        named = getenv_fn("WATCHFIRE_CONFIG");
    if (named && named[0])
        return read_file(c, named, err);
    char *path = default_path(getenv_fn);
    int rc = path && access(path, F_OK) == 0 ? read_file(c, path, err) : WF_OK;
    free(path);
    return rc;
}

// --- flags and environment -----------------------------------------------------------------------

static bool set(char **to, const char *value)
{
    if (*to || !value || !value[0])
        return true;
    *to = strdup(value);
    return *to != NULL;
}

// "a,b" or one of several flags.
static bool add_endpoints(struct wf_cli_config *c, const char *text)
{
    while (text && *text) {
        size_t len = strcspn(text, ", ");
        char **grown = len ? realloc(c->endpoints, (c->n_endpoints + 1) * sizeof(*grown)) : NULL;
        if (len && !grown)
            return false;
        if (len) {
            c->endpoints = grown;
            if (!(grown[c->n_endpoints] = strndup(text, len)))
                return false;
            c->n_endpoints++;
        }
        text += len + (text[len] != '\0');
    }
    return true;
}

static bool load_flags(struct wf_cli_config *c, const struct wf_cli_args *args)
{
    bool ok = true;
    const char *endpoint;
    for (size_t i = 0; (endpoint = wf_cli_args_at(args, "endpoint", i)); i++)
        ok = add_endpoints(c, endpoint) && ok;
    return ok && set(&c->ca, wf_cli_args_get(args, "ca")) &&
           set(&c->cert, wf_cli_args_get(args, "cert")) &&
           set(&c->key, wf_cli_args_get(args, "key")) &&
           set(&c->token, wf_cli_args_get(args, "token")) &&
           set(&c->timeout, wf_cli_args_get(args, "timeout"));
}

static bool load_environment(struct wf_cli_config *c, char *(*getenv_fn)(const char *))
{
    if (c->n_endpoints == 0 && !add_endpoints(c, getenv_fn("WATCHFIRE_ENDPOINTS")))
        return false;
    bool pair = !c->cert && !c->key;
    return set(&c->ca, getenv_fn("WATCHFIRE_CA")) &&
           (!pair || (set(&c->cert, getenv_fn("WATCHFIRE_CERT")) &&
                      set(&c->key, getenv_fn("WATCHFIRE_KEY")))) &&
           set(&c->token, getenv_fn("WATCHFIRE_TOKEN")) &&
           set(&c->timeout, getenv_fn("WATCHFIRE_TIMEOUT"));
}

// "@FILE" stands for the first line of the file, so that a secret is on no command line.
static int resolve_token(struct wf_cli_config *c, struct wf_err *err)
{
    if (!c->token || c->token[0] != '@')
        return WF_OK;
    struct wf_buf text;
    wf_buf_init(&text, 4096);
    int rc = wf_file_read(c->token + 1, NULL, &text, err);
    const char *s = rc == WF_OK ? wf_buf_cstr(&text) : NULL;
    char *token = s ? strndup(s, strcspn(s, " \r\n")) : NULL;
    if (rc == WF_OK && !token)
        rc = wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    wf_buf_free(&text);
    free(c->token);
    c->token = token;
    return rc;
}

static int check_endpoints(const struct wf_cli_config *c, struct wf_err *err)
{
    int rc = WF_OK;
    for (unsigned i = 0; rc == WF_OK && i < c->n_endpoints; i++)
        rc = wf_cli_endpoint_check(c->endpoints[i], err);
    return rc;
}

int wf_cli_endpoint_check(const char *endpoint, struct wf_err *err)
{
    if (wf_address_ok(endpoint, 1))
        return WF_OK;
    return wf_fail(err, WF_INVALID_ARGUMENT,
                   "\"%s\" is no endpoint: it must be HOST:PORT, such as fra.example.org:7411",
                   endpoint);
}

static int finish(struct wf_cli_config *c, struct wf_err *err)
{
    uint64_t ms = WF_DEADLINE_DEFAULT_MS / 1000;
    if (c->timeout) {
        int rc = wf_cli_duration(c->timeout, 1, WF_DEADLINE_MAX_MS / 1000, &ms, err);
        if (rc != WF_OK)
            return wf_wrap(err, rc, "timeout");
    }
    c->timeout_ms = (unsigned)ms * 1000;
    if (!c->cert != !c->key)
        return wf_fail(err, WF_INVALID_ARGUMENT,
                       "a certificate needs its key, and a key its "
                       "certificate: give both or none");
    int rc = check_endpoints(c, err);
    return rc == WF_OK ? resolve_token(c, err) : rc;
}

int wf_cli_config_load(struct wf_cli_config *out, const struct wf_cli_args *args,
                       char *(*getenv_fn)(const char *), struct wf_err *err)
{
    *out = (struct wf_cli_config){0};
    if (!load_flags(out, args) || !load_environment(out, getenv_fn))
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    int rc = load_file(out, args, getenv_fn, err);
    return rc == WF_OK ? finish(out, err) : rc;
}

void wf_cli_config_free(struct wf_cli_config *c)
{
    for (unsigned i = 0; i < c->n_endpoints; i++)
        free(c->endpoints[i]);
    free(c->endpoints);
    free(c->ca);
    free(c->cert);
    free(c->key);
    free(c->token);
    free(c->timeout);
    free(c->path);
    *c = (struct wf_cli_config){0};
}
