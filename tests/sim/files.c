// SPDX-License-Identifier: Apache-2.0
#include "files.h"

#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { SECTOR = 512 };

// One write, with its bytes behind it; or, with no bytes, a new length.
struct change {
    uint64_t at;
    uint64_t n;
    bool cut;
};

static uint8_t *grown(uint8_t *p, size_t *cap, size_t need)
{
    if (need <= *cap)
        return p;
    *cap = need < 2 * *cap ? 2 * *cap : need + 4096;
    p = realloc(p, *cap);
    if (p == NULL)
        abort();
    return p;
}

// --- names -------------------------------------------------------------------------------------

struct life *sim_path_life(struct sim *s, const char *path)
{
    size_t home = strcspn(path, "/");

    for (unsigned i = 0; i < s->n_servers; i++) {
        struct life *l = s->servers[i].life;

        if (l != NULL && strlen(l->home) == home && strncmp(l->home, path, home) == 0)
            return l->dead ? NULL : l;
    }
    return NULL;
}

struct sim_file *sim_file_at(struct sim *s, const char *path, bool make)
{
    struct life *l = sim_path_life(s, path);
    struct sim_file *f;

    if (l == NULL)
        return NULL;
    path += strlen(l->home) + 1;
    for (f = l->server->files; f != NULL; f = f->next) {
        if (strcmp(f->name, path) == 0)
            return f;
    }
    if (!make)
        return NULL;
    f = calloc(1, sizeof *f);
    if (f == NULL || strlen(path) >= sizeof f->name)
        abort();
    strcpy(f->name, path);
    f->linked = true;
    f->next = l->server->files;
    l->server->files = f;
    return f;
}

static void file_free(struct sim_file *f)
{
    for (unsigned i = 0; i < SIM_SHM_REGIONS; i++)
        free(f->shm[i]);
    free(f->data);
    free(f->kept);
    free(f->changes);
    free(f);
}

void sim_file_release(struct sim_file *f)
{
    if (--f->open == 0 && !f->linked)
        file_free(f);
}

void sim_file_unlink(struct server *v, struct sim_file *gone)
{
    struct sim_file **at = &v->files;

    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    gone->linked = false;
    if (gone->open == 0)
        file_free(gone);
}

// --- bytes -------------------------------------------------------------------------------------

static void note(struct sim_file *f, const struct change *c, const void *bytes)
{
    size_t n = bytes != NULL ? c->n : 0;

    f->changes = grown(f->changes, &f->changes_cap, f->changes_len + sizeof *c + n);
    memcpy(f->changes + f->changes_len, c, sizeof *c);
    if (bytes != NULL)
        memcpy(f->changes + f->changes_len + sizeof *c, bytes, n);
    f->changes_len += sizeof *c + n;
}

static void stretch(uint8_t **data, size_t *len, size_t *cap, uint64_t to)
{
    if (to <= *len)
        return;
    *data = grown(*data, cap, to);
    memset(*data + *len, 0, to - *len);
    *len = to;
}

static void put(uint8_t **data, size_t *len, size_t *cap, uint64_t at, const void *bytes, size_t n)
{
    stretch(data, len, cap, at + n);
    if (n > 0)
        memcpy(*data + at, bytes, n);
}

static void cut(uint8_t **data, size_t *len, size_t *cap, uint64_t to)
{
    stretch(data, len, cap, to);
    *len = to;
}

void sim_file_write(struct sim_file *f, uint64_t at, const void *data, size_t n)
{
    struct change c = {at, n, false};

    put(&f->data, &f->len, &f->cap, at, data, n);
    if (f->linked)
        note(f, &c, data);
}

void sim_file_truncate(struct sim_file *f, uint64_t len)
{
    struct change c = {len, 0, true};

    cut(&f->data, &f->len, &f->cap, len);
    if (f->linked)
        note(f, &c, NULL);
}

static void keep_all(struct sim_file *f)
{
    f->kept = realloc(f->kept, f->len + 1);
    if (f->kept == NULL)
        abort();
    if (f->len > 0)
        memcpy(f->kept, f->data, f->len);
    f->kept_len = f->len;
    f->changes_len = 0;
}

void sim_file_sync(struct sim_file *f)
{
    f->named = true;
    if (f->changes_len > 0)
        keep_all(f);
}

// --- a power cut -------------------------------------------------------------------------------

// Where a write goes that does not go where it should: somewhere in what was not synced.
static uint64_t misplaced(struct sim *s, const struct sim_file *f, uint64_t at)
{
    uint64_t first = (f->kept_len + SECTOR - 1) / SECTOR;

    return f->len / SECTOR <= first ? at : sim_random(s, first, f->len / SECTOR) * SECTOR;
}

// What is on the medium after all: the synced bytes and, of the writes since, those that made it.
// A disk writes them in any order; a torn one ends at a sector.
static void settle(struct sim *s, struct sim_file *f, uint8_t **data, size_t *len)
{
    size_t cap = f->kept_len, at = 0;
    unsigned lost_pm = (unsigned)sim_random(s, 0, 1000);
    bool in_order = sim_chance(s, 500);

    *data = malloc(f->kept_len + 1);
    if (*data == NULL)
        abort();
    *len = f->kept_len;
    if (f->kept_len > 0)
        memcpy(*data, f->kept, f->kept_len);
    while (at < f->changes_len) {
        struct change c;
        const uint8_t *bytes = f->changes + at + sizeof c;

        memcpy(&c, f->changes + at, sizeof c);
        at += sizeof c + (c.cut ? 0 : c.n);
        if (sim_chance(s, in_order ? lost_pm / 50 : lost_pm)) {
            if (in_order) // nothing behind it was written; of itself, some sectors
                at = f->changes_len;
            if (c.cut || !sim_chance(s, 300))
                continue;
            c.n = sim_random(s, 0, c.n / SECTOR) * SECTOR;
        }
        if (c.cut)
            cut(data, len, &cap, c.at);
        else
            put(data, len, &cap, sim_chance(s, 10) ? misplaced(s, f, c.at) : c.at, bytes, c.n);
    }
}

static struct sim_file *survivor(struct sim *s, struct sim_file *f, bool power)
{
    struct sim_file *g = calloc(1, sizeof *g);

    if (g == NULL)
        abort();
    memcpy(g->name, f->name, sizeof g->name);
    g->linked = true;
    g->named = f->named || !power;
    if (power && f->changes_len > 0) {
        settle(s, f, &g->data, &g->len);
        g->cap = g->len;
        keep_all(g);
    } else {
        g->cap = g->len = f->len;
        g->data = malloc(f->len + 1);
        if (g->data == NULL)
            abort();
        if (f->len > 0)
            memcpy(g->data, f->data, f->len);
        g->kept_len = f->kept_len;
        if (f->kept != NULL) {
            g->kept = malloc(f->kept_len + 1);
            if (g->kept == NULL)
                abort();
            memcpy(g->kept, f->kept, f->kept_len);
        }
        if (f->changes_len > 0) {
            g->changes = grown(NULL, &g->changes_cap, f->changes_len);
            memcpy(g->changes, f->changes, f->changes_len);
            g->changes_len = f->changes_len;
        }
    }
    return g;
}

void sim_files_crash(struct server *v, bool power)
{
    struct sim_file *old = v->files;

    v->files = NULL;
    while (old != NULL) {
        struct sim_file *f = old;

        old = f->next;
        // A name that never reached the disk may be gone with its file.
        if (!power || f->named || sim_chance(v->sim, 500)) {
            struct sim_file *g = survivor(v->sim, f, power);

            g->next = v->files;
            v->files = g;
        }
        f->linked = false;
        if (f->open == 0)
            file_free(f);
    }
}

void sim_files_free(struct server *v)
{
    while (v->files != NULL)
        sim_file_unlink(v, v->files);
}

uint64_t sim_files_bytes(const struct server *v)
{
    uint64_t n = 0;

    for (const struct sim_file *f = v->files; f != NULL; f = f->next)
        n += f->len;
    return n;
}
