// SPDX-License-Identifier: Apache-2.0
// history-check: README.md.
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "check/gaps.h"
#include "check/invariants.h"
#include "check/linear.h"
#include "check/order.h"

enum { EXIT_OK, EXIT_BROKEN, EXIT_USAGE, EXIT_UNDECIDED, LIMIT_S = 60, LIMIT_S_MAX = 86400 };
enum { ORDER, LINEAR, INVARIANTS, CHECKERS };

static const char *const names[CHECKERS] = {"order", "linear", "invariants"};
static const char usage[] = "usage: history-check [--gaps] [--json] [--limit SECONDS] [--only "
                            "order|linear|invariants] FILE...\n";

struct options {
    bool gaps, json;
    long limit_s;
    int only; // -1: all
};

static bool is_over(void *deadline)
{
    return wf_clock_mono_ns() > *(wf_mono_ns *)deadline;
}

static void run(int checker, const struct history *h, const struct options *o, struct verdict *v)
{
    wf_mono_ns deadline = wf_clock_mono_ns() + (uint64_t)o->limit_s * 1000000000u;
    struct linear_limits limits = {is_over, &deadline, LINEAR_MEMORY_MAX};

    verdict_init(v, names[checker]);
    if (checker == ORDER)
        order_check(h, v);
    else if (checker == LINEAR)
        linear_check(h, &limits, v);
    else
        invariants_check(h, v);
}

// --- answers ------------------------------------------------------------------------------------

static void print_text(const struct verdict *v)
{
    struct wf_buf b;

    wf_buf_init(&b, 1024 * 1024);
    report_text(v, &b);
    fwrite(b.data, 1, b.len, stdout);
    wf_buf_free(&b);
}

static void print_gaps(const struct history *h)
{
    struct gaps g = gaps_of(h);

    printf("gaps: %.3f s at most without an acknowledged write, from %.3f s on; %" PRIu64
           " acknowledged (%" PRIu64 " writes), %" PRIu64 " refused, %" PRIu64 " unknown\n",
           (double)g.longest / 1e9, (double)(g.from - h->start) / 1e9, g.acknowledged, g.writes,
           g.refused, g.unknown);
}

static json_t *verdict_json(const struct verdict *v)
{
    json_t *problems = json_array();

    for (uint64_t i = 0; i < v->n_problems && i < REPORT_PROBLEMS_MAX; i++)
        json_array_append_new(problems, json_string(wf_buf_cstr((struct wf_buf *)&v->problems[i])));
    return json_pack("{s:b, s:s, s:s, s:I, s:o}", "ok", verdict_ok(v), "looked_at", v->looked_at,
                     "gave_up", v->gave_up, "problems_found", (json_int_t)v->n_problems, "problems",
                     problems);
}

static json_t *gaps_json(const struct history *h)
{
    struct gaps g = gaps_of(h);

    return json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "acknowledged",
                     (json_int_t)g.acknowledged, "writes", (json_int_t)g.writes, "refused",
                     (json_int_t)g.refused, "unknown", (json_int_t)g.unknown, "longest_s",
                     (double)g.longest / 1e9, "longest_from_s", (double)(g.from - h->start) / 1e9,
                     "recorded_s", (double)(h->end - h->start) / 1e9);
}

// --- one file -----------------------------------------------------------------------------------

static int worse(int a, int b)
{
    static const int rank[] = {
        [EXIT_OK] = 0, [EXIT_UNDECIDED] = 1, [EXIT_BROKEN] = 2, [EXIT_USAGE] = 3};

    return rank[a] > rank[b] ? a : b;
}

static int result_of(const struct verdict *v)
{
    return verdict_ok(v) ? EXIT_OK : v->n_problems > 0 ? EXIT_BROKEN : EXIT_UNDECIDED;
}

static int check(const struct history *h, const struct options *o, json_t *out)
{
    int result = EXIT_OK;

    for (int i = 0; i < CHECKERS; i++) {
        struct verdict v;
        if (o->only >= 0 && o->only != i)
            continue;
        run(i, h, o, &v);
        if (o->json)
            json_object_set_new(out, names[i], verdict_json(&v));
        else
            print_text(&v);
        result = worse(result, result_of(&v));
        verdict_free(&v);
    }
    if (o->json)
        json_object_set_new(out, "gaps", gaps_json(h));
    else if (o->gaps)
        print_gaps(h);
    return result;
}

static int check_file(const char *path, const struct options *o, bool say_which)
{
    struct history h;
    struct wf_err err;
    json_t *out = json_pack("{s:s}", "file", path);
    int result;

    if (say_which && !o->json)
        printf("%s\n", path);
    history_init(&h);
    if (history_load(&h, path, &err) != WF_OK) {
        fprintf(stderr, "history-check: %s\n", err.msg);
        json_object_set_new(out, "unreadable", json_string(err.msg));
        result = EXIT_USAGE;
    } else {
        result = check(&h, o, out);
    }
    json_object_set_new(out, "ok", json_boolean(result == EXIT_OK));
    if (o->json) {
        json_dumpf(out, stdout, 0);
        putchar('\n');
    }
    json_decref(out);
    history_free(&h);
    return result;
}

// --- the command line ---------------------------------------------------------------------------

static bool parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"gaps", no_argument, NULL, 'g'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"limit", required_argument, NULL, 'l'},
                                          {"only", required_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    char *end;
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'g') {
            o->gaps = true;
        } else if (c == 'j') {
            o->json = true;
        } else if (c == 'l') {
            o->limit_s = strtol(optarg, &end, 10);
            if (*end != '\0' || o->limit_s < 1 || o->limit_s > LIMIT_S_MAX)
                return false;
        } else if (c == 'o') {
            for (o->only = CHECKERS - 1; o->only >= 0 && strcmp(names[o->only], optarg) != 0;)
                o->only--;
            if (o->only < 0)
                return false;
        } else {
            return false;
        }
    }
    return optind < argc;
}

int main(int argc, char **argv)
{
    struct options o = {.limit_s = LIMIT_S, .only = -1};
    int result = EXIT_OK;

    if (!parse_options(argc, argv, &o)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    for (int i = optind; i < argc; i++)
        result = worse(result, check_file(argv[i], &o, argc - optind > 1));
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("history-check: writing the answer");
        return EXIT_USAGE;
    }
    return result;
}
