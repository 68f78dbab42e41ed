// SPDX-License-Identifier: Apache-2.0
#include "wan/control.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "ip_packet.h"

static struct wan_net net;
static char answer[20000];

static int begin(void **state)
{
    (void)state;
    struct wan_topology t;
    if (wan_topology_load(&t, "three", NULL) != WF_OK)
        return -1;
    return wan_net_init(&net, &t, 1, NULL);
}

static int finish(void **state)
{
    (void)state;
    wan_net_free(&net);
    return 0;
}

// The answer to a command, which must be one line.
static const char *say(const char *command)
{
    char line[WAN_LINE_MAX];
    struct wf_buf out;
    snprintf(line, sizeof line, "%s", command);
    wf_buf_init(&out, WAN_ANSWER_MAX);
    wan_control(&net, 1000, line, &out);
    snprintf(answer, sizeof answer, "%s", wf_buf_cstr(&out));
    wf_buf_free(&out);
    assert_ptr_equal(strchr(answer, '\n'), answer + strlen(answer) - 1);
    return answer;
}

static void assert_ok(const char *command)
{
    if (strcmp(say(command), "ok\n"))
        fail_msg("%s: %s", command, answer);
}

static void every_command_does_what_it_says(void **state)
{
    (void)state;
    assert_ok("link fra iad delay_us=7 loss=0.5");
    assert_int_equal(net.rules.rule[0][1].delay_us, 7);
    assert_int_equal(net.rules.rule[1][0].delay_us, 48500);
    assert_ok("cut fra iad");
    assert_true(net.link[0][1].cut);
    assert_false(net.link[1][0].cut);
    assert_ok("mend fra iad\r");
    assert_false(net.link[0][1].cut);
    assert_ok("clog * syd");
    assert_true(net.link[0][2].clogged && net.link[1][2].clogged);
    assert_false(net.link[2][0].clogged || net.link[2][2].clogged);
    assert_ok("unclog * *");
    assert_false(net.link[0][2].clogged || net.link[1][2].clogged);
    assert_ok("dark  syd");
    assert_true(net.dark[2] && net.link[2][0].dark && net.link[1][2].dark);
    assert_false(net.link[0][1].dark);
    assert_ok("light *");
    assert_false(net.dark[2] || net.link[2][0].dark);
    assert_ok("cut * *");
    assert_ok("reset");
    assert_false(net.link[0][1].cut);
    assert_int_equal(net.rules.rule[0][1].delay_us, 48500);
}

static void what_is_wrong_is_said_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "nonsense",
                                      "cut",
                                      "cut fra",
                                      "cut fra iad syd",
                                      "cut fra fra",
                                      "cut fra lon",
                                      "clog lon *",
                                      "dark",
                                      "dark lon",
                                      "dark fra iad",
                                      "light",
                                      "link fra iad",
                                      "link fra iad x=1",
                                      "link fra iad loss=0.1 loss=7",
                                      "reset now",
                                      "show me",
                                      "stats *",
                                      "a a a a a a a a a a a a a a a a a a"};
    struct wan_matrix rules = net.rules;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strncmp(say(bad[i]), "error ", 6))
            fail_msg("\"%s\" was not refused: %s", bad[i], answer);
    assert_memory_equal(&rules, &net.rules, sizeof rules);
    for (unsigned a = 0; a < 3; a++)
        for (unsigned b = 0; b < 3; b++)
            assert_false(wan_link_blocked(&net.link[a][b]) || net.link[a][b].clogged);
    assert_non_null(strstr(say("cut fra lon"), "no region lon; there are: fra iad syd"));
}

static void show_and_stats_tell_the_state(void **state)
{
    (void)state;
    assert_ok("cut fra iad");
    assert_ok("dark syd");
    say("show");
    assert_non_null(
        strstr(answer, "ok {\"regions\":[\"fra\",\"iad\",\"syd\"],\"dark\":[\"syd\"],"));
    assert_non_null(strstr(answer, "{\"from\":\"fra\",\"to\":\"iad\",\"delay_us\":48500,"));
    assert_non_null(strstr(answer, "\"cut\":true,\"clogged\":false}"));
    wan_net_take(&net, 0, 0, ip_packet(wan_net_room(&net), IP_UDP, 0, 1, 10));
    wan_net_take(&net, 0, 1, ip_packet(wan_net_room(&net), IP_UDP, 1, 0, 10));
    say("stats");
    assert_non_null(strstr(answer, "ok {\"packets_under_way\":1,"));
    assert_non_null(
        strstr(answer, "{\"from\":\"fra\",\"to\":\"iad\",\"taken\":1,\"delivered\":0,"));
    assert_non_null(strstr(answer, "\"cut\":1,"));
    assert_non_null(strstr(answer, "\"under_way\":38,\"held\":0}"));
}

static void the_largest_answer_fits(void **state)
{
    (void)state;
    struct wan_topology t;
    assert_int_equal(wan_topology_load(&t, "flat:80:16", NULL), WF_OK);
    for (unsigned r = 0; r < t.n; r++)
        snprintf(t.name[r], sizeof t.name[r], "abcdefghijklm%02u", r);
    wan_net_free(&net);
    assert_int_equal(wan_net_init(&net, &t, 1, NULL), WF_OK);
    for (unsigned a = 0; a < t.n; a++)
        for (unsigned b = 0; b < t.n; b++)
            memset(&net.link[a][b].count, 0xff, sizeof net.link[a][b].count);
    for (int i = 0; i < 2; i++) {
        char line[2][8] = {"show", "stats"};
        struct wf_buf out;
        wf_buf_init(&out, WAN_ANSWER_MAX);
        wan_control(&net, 0, line[i], &out);
        assert_false(out.failed);
        wf_buf_free(&out);
    }
}

int main(void)
{
#define ON_NET(test) cmocka_unit_test_setup_teardown(test, begin, finish)
    const struct CMUnitTest tests[] = {
        ON_NET(every_command_does_what_it_says),
        ON_NET(what_is_wrong_is_said_and_changes_nothing),
        ON_NET(show_and_stats_tell_the_state),
        ON_NET(the_largest_answer_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
