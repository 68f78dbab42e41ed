// SPDX-License-Identifier: Apache-2.0
// Right histories of many seeds pass every checker; the same histories, damaged in each of the
// ways of damage.h, are rejected by those who must, and the report names the culprit.
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "check/invariants.h"
#include "check/linear.h"
#include "check/order.h"
#include "damage.h"

enum { SEEDS = 40, CHECKERS = 3, APPLIED_MIN = SEEDS / 4 };

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

// Checks what is in m; returns the mask of those that reject it, and their reports.
static unsigned rejected_by(const struct made *m, struct wf_buf reports[CHECKERS])
{
    const struct linear_limits limits = {never, NULL, LINEAR_MEMORY_MAX};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct history h;
    struct wf_err err;
    unsigned mask = 0;

    assert_non_null(out);
    made_write(m, out);
    assert_int_equal(fclose(out), 0);
    history_init(&h);
    if (history_parse(&h, "made", text, len, &err) != WF_OK)
        fail_msg("%s", err.msg);
    for (int i = 0; i < CHECKERS; i++) {
        struct verdict v;
        verdict_init(&v, "checker");
        if (i == 0)
            order_check(&h, &v);
        else if (i == 1)
            linear_check(&h, &limits, &v);
        else
            invariants_check(&h, &v);
        mask |= verdict_ok(&v) ? 0 : 1u << i;
        wf_buf_init(&reports[i], 1024 * 1024);
        report_text(&v, &reports[i]);
        verdict_free(&v);
    }
    history_free(&h);
    free(text);
    return mask;
}

static void free_reports(struct wf_buf reports[CHECKERS])
{
    for (int i = 0; i < CHECKERS; i++)
        wf_buf_free(&reports[i]);
}

static struct made_shape shape_of(uint64_t seed)
{
    return (struct made_shape){.ops = 200 + seed % 7 * 50,
                               .clients = 2 + (int)(seed % 15),
                               .incidents_at_once = 1 + (int)(seed % 3),
                               .ops_per_incident = 40 + (int)(seed % 5) * 40,
                               .lost_percent = (int)(seed % 4) * 10};
}

static void expect_right(uint64_t seed, const struct made_shape *shape)
{
    struct wf_buf reports[CHECKERS];
    struct made m;

    made_make(&m, seed, shape);
    if (rejected_by(&m, reports) != 0)
        fail_msg("seed %lu:\n%s%s%s", (unsigned long)seed, wf_buf_cstr(&reports[0]),
                 wf_buf_cstr(&reports[1]), wf_buf_cstr(&reports[2]));
    free_reports(reports);
    made_free(&m);
}

static void right_histories_pass(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct made_shape shape = shape_of(seed);
        expect_right(seed, &shape);
    }
}

static void many_unknown_outcomes_pass(void **state)
{
    const struct made_shape shape = {.ops = 600,
                                     .clients = MADE_CLIENTS_MAX,
                                     .incidents_at_once = 1,
                                     .ops_per_incident = 300,
                                     .lost_percent = 60};

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        expect_right(seed, &shape);
}

// Returns whether the damage could be done to the history of that seed.
static bool damage_is_found(const struct damage *d, uint64_t seed)
{
    struct made_shape shape = shape_of(seed);
    struct wf_buf reports[CHECKERS];
    char culprit[64] = "";
    struct made m;

    made_make(&m, seed, &shape);
    bool done = d->harm(&m, culprit);
    if (done) {
        unsigned found = rejected_by(&m, reports);
        if ((found & d->found_by) != d->found_by)
            fail_msg("%s, seed %lu: wanted 0x%x to reject it, 0x%x did (%s)", d->name,
                     (unsigned long)seed, d->found_by, found, culprit);
        bool named = false;
        for (int i = 0; i < CHECKERS; i++) {
            if (d->found_by >> i & 1)
                named = named || strstr(wf_buf_cstr(&reports[i]), culprit) != NULL;
        }
        if (!named)
            fail_msg("%s, seed %lu: no report names %s:\n%s%s%s", d->name, (unsigned long)seed,
                     culprit, wf_buf_cstr(&reports[0]), wf_buf_cstr(&reports[1]),
                     wf_buf_cstr(&reports[2]));
        free_reports(reports);
    }
    made_free(&m);
    return done;
}

static void damage_is_rejected_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_damages; i++) {
        int done = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            done += damage_is_found(&damages[i], seed);
        if (done < APPLIED_MIN)
            fail_msg("%s: could be done to %d of %d histories only", damages[i].name, done, SEEDS);
        print_message("%s: %d histories\n", damages[i].name, done);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_histories_pass),
        cmocka_unit_test(many_unknown_outcomes_pass),
        cmocka_unit_test(damage_is_rejected_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
