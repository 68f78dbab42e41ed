// SPDX-License-Identifier: Apache-2.0
// Histories written by hand. Those of histories/good/ pass every checker; each of histories/bad/ is
// wrong in the way its name tells, its first line says who must reject it ("rejected_by") and
// what the report must contain ("names").
#include "check.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/invariants.h"
#include "check/linear.h"
#include "check/order.h"

enum { CHECKERS = 3, BAD_MIN = 30, GOOD_MIN = 10 };

static const char *const names[CHECKERS] = {"order", "linear", "invariants"};

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static void run(int checker, const struct history *h, struct verdict *v)
{
    const struct linear_limits limits = {never, NULL, LINEAR_MEMORY_MAX};

    verdict_init(v, names[checker]);
    if (checker == 0)
        order_check(h, v);
    else if (checker == 1)
        linear_check(h, &limits, v);
    else
        invariants_check(h, v);
}

static json_t *first_line(const char *path)
{
    FILE *f = fopen(path, "r");
    json_error_t e;

    assert_non_null(f);
    json_t *head = json_loadf(f, JSON_DISABLE_EOF_CHECK, &e);
    fclose(f);
    assert_non_null(head);
    return head;
}

static void expect_good(const char *path, int checker, const struct verdict *v, const char *report)
{
    if (!verdict_ok(v))
        fail_msg("%s: %s rejects it:\n%s", path, names[checker], report);
}

static void expect_bad(const char *path, int checker, const struct verdict *v, const char *report)
{
    json_t *head = first_line(path);
    const char *by = json_string_value(json_object_get(head, "rejected_by"));
    const char *culprit = json_string_value(json_object_get(head, "names"));

    assert_non_null(by);
    assert_non_null(culprit);
    if (strcmp(by, names[checker]) == 0) {
        if (verdict_ok(v))
            fail_msg("%s: %s lets it pass", path, by);
        if (strstr(report, culprit) == NULL)
            fail_msg("%s: \"%s\" is not in the report:\n%s", path, culprit, report);
    }
    assert_true(strcmp(by, "order") == 0 || strcmp(by, "linear") == 0 ||
                strcmp(by, "invariants") == 0);
    json_decref(head);
}

static void try_file(const char *path, bool good)
{
    struct history h;
    struct wf_err err;

    history_init(&h);
    if (history_load(&h, path, &err) != WF_OK)
        fail_msg("%s", err.msg);
    for (int i = 0; i < CHECKERS; i++) {
        struct verdict v;
        struct wf_buf b;
        run(i, &h, &v);
        wf_buf_init(&b, 1024 * 1024);
        report_text(&v, &b);
        (good ? expect_good : expect_bad)(path, i, &v, wf_buf_cstr(&b));
        wf_buf_free(&b);
        verdict_free(&v);
    }
    history_free(&h);
}

// Returns how many there were.
static int try_all(const char *folder, bool good)
{
    static const char here[] = __FILE__;
    int n = 0, dir_len = (int)(strrchr(here, '/') - here);
    char dir[1024], path[2048];

    snprintf(dir, sizeof dir, "%.*s/histories/%s", dir_len, here, folder);
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".jsonl") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        try_file(path, good);
        n++;
    }
    closedir(d);
    return n;
}

static void good_ones_pass(void **state)
{
    (void)state;
    assert_in_range(try_all("good", true), GOOD_MIN, 1000);
}

static void bad_ones_are_rejected_by_name(void **state)
{
    (void)state;
    assert_in_range(try_all("bad", false), BAD_MIN, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_pass),
        cmocka_unit_test(bad_ones_are_rejected_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
