// SPDX-License-Identifier: Apache-2.0
#include "check/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "check/mem.h"

static const char *const op_names[OP_KINDS] = {"declare", "note", "offer", "accept",
                                               "state",   "read", "put",   "get"};
static const char *const phase_names[PHASES] = {"unknown", "investigating", "confirmed", "major",
                                                "resolved"};

const char *history_op_name(enum op_kind kind)
{
    WF_ASSERT(kind < OP_KINDS);
    return op_names[kind];
}

const char *history_phase_name(enum phase phase)
{
    WF_ASSERT(phase < PHASES);
    return phase_names[phase];
}

bool history_is_write(enum op_kind kind)
{
    return kind != OP_READ && kind != OP_GET;
}

const char *history_text(const struct history *h, name_id id)
{
    return names_text(&h->names, id);
}

void history_init(struct history *h)
{
    memset(h, 0, sizeof *h);
    names_init(&h->names);
}

void history_free(struct history *h)
{
    names_free(&h->names);
    free(h->nodes);
    free(h->ops);
    free(h->notes);
    free(h->events);
    free(h->finals);
    free(h->observations);
    memset(h, 0, sizeof *h);
}

const struct final *history_longest(const struct history *h)
{
    const struct final *best = NULL;

    for (size_t i = 0; i < h->n_finals; i++) {
        const struct final *f = &h->finals[i];
        if (!f->gone && (best == NULL || f->events_n > best->events_n))
            best = f;
    }
    return best;
}

// --- files --------------------------------------------------------------------------------------

static int cannot(struct wf_err *err, const char *path, const char *what)
{
    int e = errno;

    return wf_fail(err, wf_code_from_errno(e), "%s cannot be %s: %s", path, what, strerror(e));
}

// The whole file, for the caller to free.
static int read_file(const char *path, char **text, size_t *len, struct wf_err *err)
{
    FILE *f = fopen(path, "rb");
    long size;

    if (f == NULL)
        return cannot(err, path, "opened");
    if (fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0) {
        cannot(err, path, "read");
        fclose(f);
        return (int)err->code;
    }
    if (size > HISTORY_BYTES_MAX) {
        fclose(f);
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "%s has %ld bytes, at most %ld are read", path,
                       size, HISTORY_BYTES_MAX);
    }
    *text = mem_zeroed((size_t)size + 1, 1);
    *len = fread(*text, 1, (size_t)size, f);
    bool whole = *len == (size_t)size && !ferror(f);
    if (!whole) {
        cannot(err, path, "read");
        free(*text);
    }
    fclose(f);
    return whole ? WF_OK : (int)err->code;
}

static int load_events(struct history *h, struct final *f, const char *beside, struct wf_err *err)
{
    const char *slash = strrchr(beside, '/');
    int dir = slash != NULL ? (int)(slash - beside) + 1 : 0;
    char *text = NULL, *path = NULL;
    size_t len;

    if (asprintf(&path, "%.*s%s", dir, beside, history_text(h, f->events_file)) < 0)
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory");
    int rc = read_file(path, &text, &len, err);
    if (rc == WF_OK) {
        rc = history_parse_events(h, f, path, text, len, err);
        free(text);
    }
    free(path);
    return rc;
}

int history_load(struct history *h, const char *path, struct wf_err *err)
{
    char *text = NULL;
    size_t len;
    int rc = read_file(path, &text, &len, err);

    if (rc != WF_OK)
        return rc;
    rc = history_parse(h, path, text, len, err);
    free(text);
    for (size_t i = 0; i < h->n_finals && rc == WF_OK; i++) {
        if (h->finals[i].events_file != 0)
            rc = load_events(h, &h->finals[i], path, err);
    }
    return rc;
}
