// SPDX-License-Identifier: Apache-2.0
#include "wan/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static struct wan_topology t;
static struct wf_err err;

static void presets_are_symmetric_and_nested(void **state)
{
    (void)state;
    struct wan_topology five;
    assert_int_equal(wan_topology_load(&five, "five", NULL), WF_OK);
    assert_int_equal(five.n, 5);
    for (unsigned a = 0; a < 5; a++)
        for (unsigned b = 0; b < 5; b++) {
            uint64_t us = five.matrix.rule[a][b].delay_us;
            assert_int_equal(us, five.matrix.rule[b][a].delay_us);
            if (a == b)
                assert_int_equal(us, 0);
            else
                assert_in_range(us, 40000, 200000);
        }
    assert_int_equal(wan_topology_load(&t, "three", NULL), WF_OK);
    assert_int_equal(t.n, 3);
    for (unsigned a = 0; a < 3; a++) {
        assert_string_equal(t.name[a], five.name[a]);
        assert_memory_equal(t.matrix.rule[a], five.matrix.rule[a], 3 * sizeof(struct wan_rules));
    }
    assert_int_equal(t.matrix.rule[0][1].delay_us, 48500); // Frankfurt to Virginia: 97 ms and back
}

static void flat_has_one_round_trip(void **state)
{
    (void)state;
    assert_int_equal(wan_topology_load(&t, "flat:80:5", NULL), WF_OK);
    assert_int_equal(t.n, 5);
    assert_string_equal(t.name[4], "r5");
    assert_int_equal(t.matrix.rule[0][4].delay_us, 40000);
    assert_int_equal(wan_topology_load(&t, "flat:0:2", NULL), WF_OK);
    assert_int_equal(t.matrix.rule[0][1].delay_us, 0);
    static const char *const bad[] = {"flat:",      "flat:80",    "flat:80:1",     "flat:80:17",
                                      "flat:80:5x", "flat:-1:5",  "flat:120001:5", "flat:80:-5",
                                      "flat:x:5",   "flat:80:5:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (wan_topology_load(&t, bad[i], &err) != WF_INVALID_ARGUMENT)
            fail_msg("%s was not refused", bad[i]);
}

static void a_text_is_read_line_by_line(void **state)
{
    (void)state;
    const char *text = "# two regions\nregion a\n\n  region b-2 # the other\n"
                       "link * * delay_us=10 jitter_us=1\nlink a b-2 delay_us=20";
    assert_int_equal(wan_topology_parse(&t, text, &err), WF_OK);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.matrix.rule[0][1].delay_us, 20);
    assert_int_equal(t.matrix.rule[0][1].jitter_us, 1);
    assert_int_equal(t.matrix.rule[1][0].delay_us, 10);
}

static void a_bad_line_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "at least two regions"},
        {"region a", "at least two regions"},
        {"region a\nregion a", "line 2: region a is there already"},
        {"region A", "line 1: region A: give"},
        {"region waytoolongforaregion", "line 1"},
        {"region a b", "line 1"},
        {"region a\nregion b\nlink a c delay_us=1", "line 3: no region c; there are: a b"},
        {"region a\nregion b\nlink a a delay_us=1", "line 3: a to itself"},
        {"region a\nregion b\nlink a b", "line 3: usage"},
        {"region a\nregion b\nlink a b delay=1", "line 3: delay=1"},
        {"cut a b", "line 1"},
        {"a b c d e f g h i j k l m n o p q", "line 1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_not_equal(wan_topology_parse(&t, bad[i].text, &err), WF_OK);
        if (!strstr(err.msg, bad[i].says))
            fail_msg("\"%s\" should say \"%s\"", err.msg, bad[i].says);
    }
    char regions[WAN_REGIONS_MAX * 16 + 100] = "", line[16];
    for (int i = 0; i <= WAN_REGIONS_MAX; i++) {
        snprintf(line, sizeof line, "region x%d\n", i);
        strcat(regions, line);
    }
    assert_int_equal(wan_topology_parse(&t, regions, &err), WF_RESOURCE_EXHAUSTED);
    char longest[WAN_LINE_MAX + 1];
    memset(longest, ' ', WAN_LINE_MAX);
    longest[WAN_LINE_MAX] = '\0';
    assert_int_equal(wan_topology_parse(&t, longest, &err), WF_INVALID_ARGUMENT);
}

static int link_command(struct wan_matrix *m, const char *command)
{
    char line[WAN_LINE_MAX], *words[WAN_WORDS_MAX];
    snprintf(line, sizeof line, "%s", command);
    return wan_topology_link(&t, m, words, (unsigned)wan_words(line, words), &err);
}

static void a_link_command_is_all_or_nothing(void **state)
{
    (void)state;
    assert_int_equal(wan_topology_load(&t, "three", NULL), WF_OK);
    struct wan_matrix m = t.matrix;
    assert_int_equal(link_command(&m, "link * * loss=0.5 loss=2"), WF_INVALID_ARGUMENT);
    assert_memory_equal(&m, &t.matrix, sizeof m);
    assert_int_equal(link_command(&m, "link * syd loss=0.5"), WF_OK);
    assert_true(m.rule[0][2].loss == 0.5 && m.rule[1][2].loss == 0.5);
    assert_true(m.rule[2][0].loss == 0 && m.rule[0][1].loss == 0);
}

static void a_file_is_a_topology_too(void **state)
{
    (void)state;
    char path[] = "/tmp/wan-topology-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "region a\nregion b\nnonsense\n", 27), 27);
    assert_int_equal(wan_topology_load(&t, path, &err), WF_INVALID_ARGUMENT);
    assert_non_null(strstr(err.msg, path));
    assert_non_null(strstr(err.msg, "line 3"));
    assert_int_equal(ftruncate(fd, 18), 0);
    assert_int_equal(wan_topology_load(&t, path, &err), WF_OK);
    close(fd);
    unlink(path);
    assert_int_equal(wan_topology_load(&t, path, &err), WF_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_symmetric_and_nested),
        cmocka_unit_test(flat_has_one_round_trip),
        cmocka_unit_test(a_text_is_read_line_by_line),
        cmocka_unit_test(a_bad_line_is_named),
        cmocka_unit_test(a_link_command_is_all_or_nothing),
        cmocka_unit_test(a_file_is_a_topology_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
