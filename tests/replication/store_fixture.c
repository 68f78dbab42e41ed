// SPDX-License-Identifier: Apache-2.0
#include "store_fixture.h"

#include "check.h"
#include "whole_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS_MAX = 4096, TEXT_MIN = 32 };

void temporary_dir(char out[64])
{
    snprintf(out, 64, "%s/wf-log-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(out));
}

void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    temporary_dir(f->dir);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    struct wf_node_identity id = {.node_id = 1, .name = "fra-1"};
    memset(id.cluster_id, 0xc1, sizeof id.cluster_id);
    assert_int_equal(wf_log_store_sqlite_create(f->dir, &id, NULL), WF_OK);
}

void fixture_done(struct fixture *f)
{
    assert_null(f->store);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    remove_files(f->dir);
    assert_int_equal(rmdir(f->dir), 0);
}

static int on_record(void *arg, uint64_t index, const struct wf_record *r)
{
    struct fixture *f = arg;
    char text[TEXT_MIN];
    int n = snprintf(text, sizeof text, "record %llu", (unsigned long long)index);
    if (r->type == WF_RECORD_COMMAND) {
        assert_true(r->data.len >= TEXT_MIN);
        assert_memory_equal(r->data.data, text, (size_t)n + 1);
    }
    f->last = f->durable = index;
    f->loaded++;
    return WF_OK;
}

int fixture_open(struct fixture *f)
{
    assert_null(f->store);
    int rc = wf_log_store_sqlite_open(&f->store, f->dir, &f->loop, NULL, &f->err);
    if (rc != WF_OK)
        return rc;
    f->loaded = f->failures = 0;
    f->last = f->durable = 0;
    rc = f->store->load(f->store->ctx, &f->state, on_record, f, &f->err);
    if (rc == WF_OK && f->loaded == 0)
        f->last = f->durable = f->state.first_index - 1;
    return rc;
}

struct appended {
    struct fixture *f;
    struct appended *next; // a store that has failed does not answer any more
    uint64_t last;
    uint8_t data[];
};

static void on_appended(void *arg, const struct wf_err *err)
{
    struct appended *a = arg, **at = (struct appended **)&a->f->waiting;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    if (err) {
        a->f->failures++;
        a->f->err = *err;
    } else {
        assert_true(a->last > a->f->durable); // in order
        a->f->durable = a->last;
    }
    free(a);
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

void fixture_close(struct fixture *f)
{
    bool closed = false;
    f->store->close(f->store->ctx, on_closed, &closed);
    while (!closed)
        uv_run(&f->loop, UV_RUN_ONCE);
    wf_log_store_sqlite_free(f->store);
    f->store = NULL;
    assert_true(!f->waiting || f->failures > 0);
    for (struct appended *next, *a = f->waiting; a; a = next) {
        next = a->next;
        free(a);
    }
    f->waiting = NULL;
    f->answered = 0;
}

void fixture_append(struct fixture *f, uint64_t term, unsigned n, size_t size)
{
    static struct wf_record records[RECORDS_MAX];
    assert_in_range(n, 1, RECORDS_MAX);
    assert_true(size >= TEXT_MIN);
    struct appended *a = malloc(sizeof *a + n * size);
    assert_non_null(a);
    a->f = f;
    a->next = f->waiting;
    f->waiting = a;
    a->last = f->last + n;
    for (unsigned i = 0; i < n; i++) {
        uint8_t *data = a->data + i * size;
        memset(data, (int)(f->last + i), size);
        snprintf((char *)data, TEXT_MIN, "record %llu", (unsigned long long)(f->last + 1 + i));
        records[i] = (struct wf_record){term, WF_RECORD_COMMAND, {data, size}};
    }
    uint64_t first = f->last + 1;
    f->last += n;
    f->store->append(f->store->ctx, first, records, n, on_appended, a);
}

static void on_answered(void *arg, const struct wf_err *err)
{
    struct fixture *f = arg;
    if (err) {
        f->failures++;
        f->err = *err;
    }
    f->answered--;
}

void fixture_truncate(struct fixture *f, uint64_t index)
{
    f->answered++;
    f->store->truncate(f->store->ctx, index, on_answered, f);
    while (f->answered > 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    f->last = f->durable = index - 1;
}

void fixture_install(struct fixture *f, const struct wf_manifest *m)
{
    f->answered++;
    f->store->snapshot_put(f->store->ctx, m, WF_KEEP_NONE, on_answered, f);
    while (f->answered > 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    f->last = f->durable = m->index;
}

void fixture_snapshot(struct fixture *f, uint64_t index, uint64_t first_kept)
{
    struct wf_manifest m = {.index = index, .term = 1, .configuration_index = 1};
    m.configuration = (struct wf_bytes){(const uint8_t *)"servers", 7};
    m.data = (struct wf_bytes){(const uint8_t *)"manifest", 8};
    if (first_kept == WF_KEEP_NONE) {
        fixture_install(f, &m);
        return;
    }
    f->answered++;
    f->store->snapshot_put(f->store->ctx, &m, first_kept, on_answered, f);
}

void fixture_wait(struct fixture *f)
{
    while ((f->durable < f->last || f->answered > 0) && f->failures == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
}

// --- files ---------------------------------------------------------------------------------------

static void each_file(const char *dir, void (*each)(const char *path, const char *name, void *arg),
                      void *arg)
{
    DIR *d = opendir(dir);
    char path[400];
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        each(path, e->d_name, arg);
    }
    closedir(d);
}

static void remove_one(const char *path, const char *name, void *arg)
{
    (void)name;
    (void)arg;
    unlink(path);
}

void remove_files(const char *dir)
{
    each_file(dir, remove_one, NULL);
}

static void copy_one(const char *path, const char *name, void *arg)
{
    char to[400];
    size_t n;
    uint8_t *data = read_whole(path, &n);
    snprintf(to, sizeof to, "%s/%s", (const char *)arg, name);
    write_whole(to, data, n);
    free(data);
}

void copy_dir(const char *from, const char *to)
{
    remove_files(to);
    each_file(from, copy_one, (void *)to);
}
