// SPDX-License-Identifier: Apache-2.0
#include "cli/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"

enum { TEXT_MAX = 1024 * 1024 };

struct parser {
    struct wf_cli_args *out;
    int argc, at;
    char *const *argv;
    const struct wf_cli_param *positional; // the next one
    struct wf_buf text;                    // words of a TEXT parameter so far
    const struct wf_cli_param *text_param;
    struct wf_err *err;
};

int wf_cli_args_add(struct wf_cli_args *args, const struct wf_cli_param *param, const char *text,
                    struct wf_err *err)
{
    struct wf_cli_value *grown = realloc(args->values, (args->n + 1) * sizeof(*grown));
    if (!grown)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    args->values = grown;
    char *copy = strdup(text);
    if (!copy)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    args->values[args->n++] = (struct wf_cli_value){param, copy};
    return WF_OK;
}

void wf_cli_args_free(struct wf_cli_args *args)
{
    for (size_t i = 0; i < args->n; i++)
        free(args->values[i].text);
    free(args->values);
    *args = (struct wf_cli_args){0};
}

const char *wf_cli_args_at(const struct wf_cli_args *args, const char *name, size_t i)
{
    for (size_t v = 0; v < args->n; v++)
        if (strcmp(args->values[v].param->name, name) == 0 && i-- == 0)
            return args->values[v].text;
    return NULL;
}

const char *wf_cli_args_get(const struct wf_cli_args *args, const char *name)
{
    for (size_t v = args->n; v-- > 0;)
        if (strcmp(args->values[v].param->name, name) == 0)
            return args->values[v].text;
    return NULL;
}

// --- flags ---------------------------------------------------------------------------------------

static const struct wf_cli_param *long_flag(const struct wf_cli_param *p, const char *name,
                                            size_t len)
{
    for (; p && p->name; p++)
        if (p->flag && strlen(p->name) == len && memcmp(p->name, name, len) == 0)
            return p;
    return NULL;
}

static const struct wf_cli_param *short_flag(const struct wf_cli_param *p, char letter)
{
    for (; p && p->name; p++)
        if (p->flag && p->letter == letter)
            return p;
    return NULL;
}

// An incident in its full form, so that every line that names it does so: "42" is "INC-42".
static int add_value(struct parser *ps, const struct wf_cli_param *p, const char *text)
{
    char id[32];
    size_t digits = strspn(text, "0123456789");
    if (p->kind == WF_PARAM_INCIDENT && digits > 0 && digits < 20 && !text[digits]) {
        snprintf(id, sizeof(id), "INC-%s", text);
        text = id;
    }
    return wf_cli_args_add(ps->out, p, text, ps->err);
}

static const struct wf_cli_param *own_params(const struct parser *ps)
{
    return ps->out->command ? ps->out->command->params : NULL;
}

// The flag's value: what stands behind it in the same word, or the next word.
static int take_value(struct parser *ps, const struct wf_cli_param *p, const char *attached)
{
    if (p->kind == WF_PARAM_BOOL) {
        if (attached)
            return wf_fail(ps->err, WF_INVALID_ARGUMENT, "--%s takes no value", p->name);
        return wf_cli_args_add(ps->out, p, "true", ps->err);
    }
    if (!attached && ps->at + 1 >= ps->argc)
        return wf_fail(ps->err, WF_INVALID_ARGUMENT, "--%s needs a value: %s", p->name, p->help);
    return add_value(ps, p, attached ? attached : ps->argv[++ps->at]);
}

static int take_long(struct parser *ps, const char *word)
{
    size_t len = strcspn(word, "=");
    const struct wf_cli_param *p = long_flag(own_params(ps), word, len);
    if (!p)
        p = long_flag(wf_cli_global_flags, word, len);
    if (!p)
        return wf_fail(ps->err, WF_INVALID_ARGUMENT, "unknown flag --%.*s", (int)len, word);
    return take_value(ps, p, word[len] ? word + len + 1 : NULL);
}

// "-q", "-qy", "-s sev1", "-ssev1".
static int take_short(struct parser *ps, const char *letters)
{
    for (; *letters; letters++) {
        const struct wf_cli_param *p = short_flag(own_params(ps), *letters);
        if (!p)
            p = short_flag(wf_cli_global_flags, *letters);
        if (!p)
            return wf_fail(ps->err, WF_INVALID_ARGUMENT, "unknown flag -%c", *letters);
        bool last = p->kind != WF_PARAM_BOOL;
        int rc = take_value(ps, p, last && letters[1] ? letters + 1 : NULL);
        if (rc != WF_OK || last)
            return rc;
    }
    return WF_OK;
}

// --- words ---------------------------------------------------------------------------------------

static const struct wf_cli_param *skip_flags(const struct wf_cli_param *p)
{
    while (p && p->name && p->flag)
        p++;
    return p && p->name ? p : NULL;
}

static void choose(struct parser *ps, const struct wf_cli_command *c)
{
    ps->out->command = c;
    ps->positional = skip_flags(c->params);
}

static int unknown_verb(struct parser *ps, const char *noun, const char *verb)
{
    char verbs[300] = "";
    const struct wf_cli_command *c;
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++)
        if (strcmp(c->noun, noun) == 0) {
            size_t used = strlen(verbs);
            snprintf(verbs + used, sizeof(verbs) - used, "%s%s", used ? ", " : "", c->verb);
        }
    return wf_fail(ps->err, WF_INVALID_ARGUMENT, "%s does not know \"%s\"; it has: %s", noun, verb,
                   verbs);
}

static const char *canonical_noun(const char *word)
{
    const struct wf_cli_command *c;
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++) {
        const char *alias = wf_cli_noun_alias(c->noun);
        if (strcmp(c->noun, word) == 0 || (alias && strcmp(alias, word) == 0))
            return c->noun;
    }
    return NULL;
}

static int take_command_word(struct parser *ps, const char *word)
{
    const struct wf_cli_command *c;
    if (!ps->out->noun) {
        ps->out->noun = canonical_noun(word);
        if (!ps->out->noun)
            return wf_fail(ps->err, WF_INVALID_ARGUMENT, "there is no command \"%s\"", word);
        c = wf_cli_command_find(word, NULL, NULL);
        if (c)
            choose(ps, c);
        return WF_OK;
    }
    c = wf_cli_command_find(ps->out->noun, word, NULL);
    if (!c)
        return unknown_verb(ps, ps->out->noun, word);
    choose(ps, c);
    return WF_OK;
}

static int take_word(struct parser *ps, const char *word)
{
    if (!ps->out->command)
        return take_command_word(ps, word);
    const struct wf_cli_param *p = ps->positional;
    if (!p)
        return wf_fail(ps->err, WF_INVALID_ARGUMENT, "\"%s\" is one word too many", word);
    if (p->kind == WF_PARAM_TEXT) {
        ps->text_param = p;
        bool fits = (ps->text.len == 0 || wf_buf_putc(&ps->text, ' ') == WF_OK) &&
                    wf_buf_puts(&ps->text, word) == WF_OK;
        return fits ? WF_OK : wf_fail(ps->err, WF_INVALID_ARGUMENT, "%s is too long", p->name);
    }
    if (p->kind != WF_PARAM_REST)
        ps->positional = skip_flags(p + 1);
    return add_value(ps, p, word);
}

static int check_required(struct parser *ps)
{
    const struct wf_cli_args *a = ps->out;
    if (wf_cli_args_get(a, "help") || !a->command)
        return WF_OK;
    for (const struct wf_cli_param *p = a->command->params; p->name; p++) {
        bool from_file = p->kind == WF_PARAM_TEXT && wf_cli_args_get(a, "file");
        if (p->required && !from_file && !wf_cli_args_get(a, p->name))
            return wf_fail(ps->err, WF_INVALID_ARGUMENT, "%s%s is missing: %s", p->flag ? "--" : "",
                           p->name, p->help);
    }
    return WF_OK;
}

static int parse_words(struct parser *ps)
{
    bool flags = true;
    int rc = WF_OK;
    for (ps->at = 1; rc == WF_OK && ps->at < ps->argc; ps->at++) {
        const char *word = ps->argv[ps->at];
        bool rest = ps->positional && ps->positional->kind == WF_PARAM_REST;
        if (flags && !rest && strcmp(word, "--") == 0)
            flags = false;
        else if (!ps->out->noun && strcmp(word, "--version") == 0)
            rc = take_word(ps, "version");
        else if (flags && !rest && strncmp(word, "--", 2) == 0)
            rc = take_long(ps, word + 2);
        else if (flags && !rest && word[0] == '-' && word[1])
            rc = take_short(ps, word + 1);
        else
            rc = take_word(ps, word);
    }
    return rc;
}

int wf_cli_args_parse(struct wf_cli_args *out, int argc, char *const argv[], struct wf_err *err)
{
    *out = (struct wf_cli_args){0};
    struct parser ps = {.out = out, .argc = argc, .argv = argv, .err = err};
    wf_buf_init(&ps.text, TEXT_MAX);
    int rc = parse_words(&ps);
    if (rc == WF_OK && ps.text_param) {
        const char *text = wf_buf_cstr(&ps.text);
        rc = text ? wf_cli_args_add(out, ps.text_param, text, err)
                  : wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (rc == WF_OK)
        rc = check_required(&ps);
    wf_buf_free(&ps.text);
    return rc;
}
