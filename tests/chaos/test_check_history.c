// SPDX-License-Identifier: Apache-2.0
// The reader refuses what is no history, and says where and why; what it takes is there as it
// stood.
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/gaps.h"
#include "check/history.h"

#define HEAD                                                                                       \
    "{\"history\":1,\"system\":\"watchfire\",\"scenario\":\"s\",\"seed\":7,\"start\":1000,"        \
    "\"nodes\":[\"fra\"]}\n"
#define NOTE(client, call, ret, request, value)                                                    \
    "{\"op\":\"note\",\"client\":\"" client "\",\"incident\":\"INC-1\",\"call\":" call             \
    ",\"return\":" ret ",\"outcome\":\"ok\",\"node\":\"fra\",\"request\":\"" request               \
    "\",\"value\":\"" value "\",\"seq\":3}\n"
#define FINAL "{\"final\":\"fra\",\"index\":9,\"digest\":\"d\",\"chain\":\"valid\","

static void refused(const char *text, const char *where, const char *why)
{
    struct history h;
    struct wf_err err;
    char start[32];

    history_init(&h);
    assert_int_equal(history_parse(&h, "file", text, strlen(text), &err), WF_INVALID_ARGUMENT);
    snprintf(start, sizeof start, "file:%s: ", where);
    if (strncmp(err.msg, start, strlen(start)) != 0 || strstr(err.msg, why) == NULL)
        fail_msg("wanted \"%s ... %s\", got \"%s\"", start, why, err.msg);
    history_free(&h);
}

// An operation of those members after a good head.
static void refused_op(const char *members, const char *why)
{
    char text[2048];

    snprintf(text, sizeof text, "%s{%s}\n", HEAD, members);
    refused(text, "2", why);
}

static void refuses_what_is_no_history(void **state)
{
    struct history h;
    struct wf_err err;

    (void)state;
    history_init(&h);
    assert_int_equal(history_parse(&h, "file", "", 0, &err), WF_INVALID_ARGUMENT);
    assert_non_null(strstr(err.msg, "file: the file is empty"));
    history_free(&h);
    refused("nonsense\n", "1", "expected near");
    refused("[1]\n", "1", "one object");
    refused("{\"history\":2}\n", "1", "version 1");
    refused(HEAD, "1", "without an operation");
    refused(HEAD "{\"what\":1}\n", "2", "what is it?");
    refused(HEAD NOTE("c", "2000", "3000", "r", "v") "\n", "3", "at byte");
    refused(HEAD NOTE("c", "2000", "3000", "r", "v") "{\"op\":\"note\",", "3", "at byte");
    refused(HEAD "{\"fault\":\"cut\"}\n", "2", "\"at\"");
    refused(HEAD "{\"at\":1,\"at\":1}\n", "2", "duplicate");
}

static void refuses_bad_operations(void **state)
{
    (void)state;
    refused_op("\"op\":\"fly\"", "\"op\" is \"fly\"");
    refused_op("\"op\":\"note\",\"outcome\":\"maybe\"", "\"outcome\" is \"maybe\"");
    refused_op("\"op\":\"note\",\"outcome\":\"ok\"", "\"client\" must be there");
    refused_op("\"op\":\"note\",\"outcome\":\"ok\",\"client\":\"\",\"node\":\"\"",
               "\"client\" must not be empty");
    refused_op("\"op\":\"read\",\"outcome\":\"ok\",\"client\":\"c\",\"node\":\"\",\"call\":-1",
               "\"call\" must be there and be a whole number");
    refused_op("\"op\":\"read\",\"outcome\":\"ok\",\"client\":\"c\",\"node\":\"\",\"call\":2000,"
               "\"return\":null",
               "the outcome is known");
    refused_op("\"op\":\"read\",\"outcome\":\"ok\",\"client\":\"c\",\"node\":\"\",\"call\":2000,"
               "\"return\":1999",
               "returns before it is called");
    refused_op("\"op\":\"read\",\"outcome\":\"ok\",\"client\":\"c\",\"node\":\"\",\"call\":999,"
               "\"return\":1999",
               "before the history's start");
    refused_op("\"op\":\"read\",\"outcome\":\"ok\",\"client\":\"c\",\"node\":\"\",\"call\":2000,"
               "\"return\":2001,\"incident\":\"INC-1\",\"seq\":1",
               "\"notes\" must be there");
    refused_op("\"op\":\"state\",\"outcome\":\"unknown\",\"client\":\"c\",\"node\":\"\","
               "\"call\":2000,\"return\":null,\"to\":\"finished\"",
               "\"to\" is \"finished\"");
    refused_op("\"op\":\"note\",\"outcome\":\"ok\",\"client\":\"c\",\"node\":\"\",\"call\":2000,"
               "\"return\":2001,\"incident\":\"INC-1\",\"request\":\"r\",\"value\":\"v\",\"seq\":0",
               "cannot be 0");
}

static void refuses_what_only_the_whole_shows(void **state)
{
    (void)state;
    refused(HEAD NOTE("c", "2000", "3000", "r", "v") NOTE("c", "2500", "3500", "q", "w"), "3",
            "client c has that of line 2 open still");
    refused(HEAD "{\"op\":\"note\",\"client\":\"c\",\"incident\":\"INC-1\",\"call\":1500,"
                 "\"return\":1600,\"outcome\":\"unknown\",\"node\":\"fra\",\"request\":\"q\","
                 "\"value\":\"w\"}\n" NOTE("c", "2000", "3000", "r", "v"),
            "3", "client c goes on after its unknown operation of line 2");
    refused(HEAD NOTE("c", "2000", "3000", "r", "v") NOTE("d", "2000", "3000", "q", "v"), "3",
            "value \"v\" was that of line 2 already");
    refused(HEAD NOTE("c", "2000", "3000", "r", "v") NOTE("d", "2000", "3000", "r", "w"), "3",
            "request \"r\" was that of line 2 already");
}

static void refuses_bad_final_states(void **state)
{
    (void)state;
    refused(HEAD "{\"final\":\"fra\",\"index\":9,\"digest\":\"d\",\"chain\":\"rusty\"}\n", "2",
            "\"chain\" is \"rusty\"");
    refused(HEAD FINAL "\"digest2\":1}\n", "2", "\"events\", a list, or \"events_file\"");
    refused(HEAD FINAL "\"events\":[1]}\n", "2", "an event must be an object");
    refused(HEAD FINAL "\"events\":[{\"seq\":1}]}\n", "2", "\"at\"");
    refused(HEAD FINAL "\"events\":[{\"seq\":1,\"at\":1,\"incident\":\"\",\"kind\":\"note\"}]}\n",
            "2", "\"value\"");
    refused(HEAD FINAL "\"events\":[]}\n" FINAL "\"events\":[]}\n", "3",
            "a second final state of fra");
    refused(HEAD "{\"observe\":1,\"node\":\"fra\"}\n", "2", "\"term\"");
}

static void takes_what_is_right(void **state)
{
    const char *text = HEAD NOTE("c", "2000", "3000", "r", "v") NOTE("d", "5000", "9000", "q", "w")
        FINAL "\"events\":[{\"seq\":1,\"index\":4,\"at\":5,\"incident\":\"INC-1\",\"kind\":"
              "\"commander\",\"value\":\"ana\",\"epoch\":2}]}\n{\"heal\":\"cut\",\"at\":3}";
    struct history h;
    struct wf_err err;

    (void)state;
    history_init(&h);
    assert_int_equal(history_parse(&h, "file", text, strlen(text), &err), WF_OK);
    assert_int_equal(h.n_ops, 2);
    assert_int_equal(h.ops[1].line, 3);
    assert_int_equal(h.ops[1].call, 5000);
    assert_string_equal(history_text(&h, h.ops[1].value), "w");
    assert_int_equal(h.n_events, 1);
    assert_int_equal(h.events[0].epoch, 2);
    assert_int_equal(h.n_faults, 1);
    struct gaps g = gaps_of(&h);
    assert_int_equal(g.writes, 2);
    assert_int_equal(g.longest, 6000);
    assert_int_equal(g.from, 3000);
    history_free(&h);
}

// A log in a file of its own is found beside the history, and its lines are named.
static void reads_the_events_beside_it(void **state)
{
    char dir[] = "/tmp/wf-check-XXXXXX", path[64], beside[64];
    struct history h;
    struct wf_err err;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/h", dir);
    snprintf(beside, sizeof beside, "%s/fra.events", dir);
    for (int good = 0; good < 2; good++) {
        FILE *f = fopen(path, "w"), *e = fopen(beside, "w");
        assert_non_null(f);
        assert_non_null(e);
        fputs(HEAD NOTE("c", "2000", "3000", "r", "v") FINAL "\"events_file\":\"fra.events\"}\n",
              f);
        fputs("{\"seq\":1,\"at\":1,\"incident\":\"\",\"kind\":\"x\"}\n", e);
        fputs(good ? "{\"seq\":2,\"at\":1,\"incident\":\"\",\"kind\":\"x\"}\n" : "{}\n", e);
        fclose(f);
        fclose(e);
        history_init(&h);
        int rc = history_load(&h, path, &err);
        if (good) {
            assert_int_equal(rc, WF_OK);
            assert_int_equal(h.finals[0].events_n, 2);
        } else {
            assert_int_equal(rc, WF_INVALID_ARGUMENT);
            assert_non_null(strstr(err.msg, "fra.events:2: "));
        }
        history_free(&h);
    }
    unlink(beside);
    history_init(&h);
    assert_int_equal(history_load(&h, path, &err), WF_NOT_FOUND);
    assert_non_null(strstr(err.msg, "fra.events cannot be opened"));
    history_free(&h);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_history),
        cmocka_unit_test(refuses_bad_operations),
        cmocka_unit_test(refuses_what_only_the_whole_shows),
        cmocka_unit_test(refuses_bad_final_states),
        cmocka_unit_test(takes_what_is_right),
        cmocka_unit_test(reads_the_events_beside_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
