// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replication/env_uv.h"

struct world {
    uv_loop_t loop;
    struct wf_env_uv uv;
    struct wf_env *env;
    bool closed;
};

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(wf_env_uv_init(&w->uv, &w->loop, NULL), WF_OK);
    w->env = &w->uv.env;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    wf_env_uv_close(&w->uv, on_closed, &w->closed);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_true(w->closed);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    free(w);
    return 0;
}

static void count(void *arg)
{
    (*(int *)arg)++;
}

static void a_timer_fires_again_until_stopped(void **state)
{
    struct world *w = *state;
    int fired = 0;
    struct wf_timer t = {.fire = count, .arg = &fired};
    w->env->timer_stop(w->env->ctx, &t); // also one that never ran
    w->env->timer_start(w->env->ctx, &t, 1, 1);
    while (fired < 3)
        uv_run(&w->loop, UV_RUN_ONCE);
    w->env->timer_stop(w->env->ctx, &t);
    int then = fired;
    uv_run(&w->loop, UV_RUN_DEFAULT); // nothing keeps the loop alive
    assert_int_equal(fired, then);
    assert_null(t.impl);
}

struct again {
    struct wf_env *env;
    struct wf_timer *self, *other;
    int fired;
};

static void ask_again(void *arg)
{
    struct again *a = arg;
    a->env->soon(a->env->ctx, a->self);
    a->env->timer_stop(a->env->ctx, a->other);
    a->fired++;
}

static void soon_is_once_a_turn(void **state)
{
    struct world *w = *state;
    struct wf_timer self = {.fire = ask_again}, other = {.fire = count};
    struct again a = {w->env, &self, &other, 0};
    int others = 0;
    self.arg = &a;
    other.arg = &others;
    w->env->soon(w->env->ctx, &self);
    w->env->soon(w->env->ctx, &self);
    w->env->soon(w->env->ctx, &other); // withdrawn before its turn
    uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(a.fired, 1);
    uv_run(&w->loop, UV_RUN_ONCE); // does not wait
    assert_int_equal(a.fired, 2);
    assert_int_equal(others, 0);
    w->env->timer_stop(w->env->ctx, &self);
}

static void work_runs_elsewhere_and_ends_here(void **state)
{
    struct world *w = *state;
    int ran = 0;
    struct wf_env_work work = {.run = count, .done = count, .arg = &ran};
    w->env->work(w->env->ctx, &work);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(ran, 2);
    w->env->work(w->env->ctx, &work); // may be used again
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(ran, 4);
}

static void random_stays_in_its_bounds_and_varies(void **state)
{
    struct world *w = *state;
    bool seen[3] = {false};
    for (int i = 0; i < 200; i++) {
        uint64_t v = w->env->random(w->env->ctx, 7, 9);
        assert_in_range(v, 7, 9);
        seen[v - 7] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    assert_int_equal(w->env->random(w->env->ctx, 5, 5), 5);
    uint64_t a = w->env->random(w->env->ctx, 0, UINT64_MAX);
    assert_true(a != w->env->random(w->env->ctx, 0, UINT64_MAX));
}

static void see(void *arg, const char *name)
{
    strcat(arg, name);
}

static void files_are_written_published_and_listed(void **state)
{
    struct world *w = *state;
    const struct wf_files *f = w->env->files;
    char dir[] = "/tmp/wf-files-XXXXXX", part[64], whole[64], names[256] = "", out[8];
    struct wf_err err;
    uint64_t size = 0;
    assert_non_null(mkdtemp(dir));
    snprintf(part, sizeof part, "%s/image.part", dir);
    snprintf(whole, sizeof whole, "%s/image", dir);
    assert_int_equal(f->size(f->ctx, part, &size, &err), WF_NOT_FOUND);
    assert_int_equal(f->read(f->ctx, part, 0, out, 1, &err), WF_NOT_FOUND);
    assert_int_equal(f->write(f->ctx, part, 3, "defg", 4, NULL), WF_OK);
    assert_int_equal(f->write(f->ctx, part, 0, "abc", 3, NULL), WF_OK);
    assert_int_equal(f->publish(f->ctx, part, whole, NULL), WF_OK);
    assert_int_equal(f->size(f->ctx, whole, &size, NULL), WF_OK);
    assert_int_equal(size, 7);
    assert_int_equal(f->read(f->ctx, whole, 2, out, 3, NULL), WF_OK);
    assert_memory_equal(out, "cde", 3);
    assert_int_equal(f->read(f->ctx, whole, 5, out, 3, &err), WF_OUT_OF_RANGE);
    assert_int_equal(f->list(f->ctx, dir, see, names, NULL), WF_OK);
    assert_string_equal(names, "image");
    assert_int_equal(f->publish(f->ctx, part, whole, &err), WF_NOT_FOUND);
    assert_int_equal(f->remove(f->ctx, whole, NULL), WF_OK);
    assert_int_equal(f->remove(f->ctx, whole, NULL), WF_OK);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(f->list(f->ctx, dir, see, names, &err), WF_NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_timer_fires_again_until_stopped),      TEST(soon_is_once_a_turn),
        TEST(work_runs_elsewhere_and_ends_here),      TEST(random_stays_in_its_bounds_and_varies),
        TEST(files_are_written_published_and_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
