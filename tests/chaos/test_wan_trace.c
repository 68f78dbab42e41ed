// SPDX-License-Identifier: Apache-2.0
#include "wan/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ip_packet.h"

static struct wan_topology names;
static struct wan_trace t;
static struct wan_packet p;
static char path[] = "/tmp/wan-trace-XXXXXX";
static char text[200000];

static int begin(void **state)
{
    (void)state;
    strcpy(path, "/tmp/wan-trace-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    p = (struct wan_packet){.taken = 1234000000000, .from = 0, .to = 2};
    p.len = (uint16_t)ip_packet(p.data, IP_TCP, 0, 2, 60);
    return wan_topology_load(&names, "three", NULL);
}

static int finish(void **state)
{
    (void)state;
    return unlink(path);
}

static const char *written(void)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void a_line_has_everything(void **state)
{
    (void)state;
    assert_int_equal(wan_trace_open(&t, path, NULL), WF_OK);
    wan_trace_packet(&t, &names, 1234145002999, &p, WAN_DELIVERED);
    p.copy = p.corrupt = true;
    wan_trace_packet(&t, &names, 1234145003000, &p, WAN_CUT);
    assert_int_equal(wan_trace_close(&t, NULL), WF_OK);
    assert_string_equal(written(),
                        "1234.145002 fra syd 100 tcp 1000 2000 delivered 145002\n"
                        "1234.145003 fra syd 100 tcp 1000 2000 cut 145003 copy corrupt\n");
}

static void lines_are_written_in_blocks_and_after_a_second(void **state)
{
    (void)state;
    assert_int_equal(wan_trace_open(&t, path, NULL), WF_OK);
    t.written_at = p.taken;
    wan_trace_packet(&t, &names, p.taken, &p, WAN_LOST);
    wan_trace_tick(&t, p.taken + 999999999);
    assert_string_equal(written(), "");
    wan_trace_tick(&t, p.taken + 1000000000);
    assert_int_equal(strlen(written()), strlen("1234.000000 fra syd 100 tcp 1000 2000 lost 0\n"));
    for (int i = 0; i < 2000; i++)
        wan_trace_packet(&t, &names, p.taken, &p, WAN_LOST);
    assert_in_range(strlen(written()), WAN_TRACE_BLOCK, WAN_TRACE_BLOCK + WAN_TRACE_LINE);
    assert_int_equal(wan_trace_close(&t, NULL), WF_OK);
    assert_int_equal(strlen(written()),
                     2001 * strlen("1234.000000 fra syd 100 tcp 1000 2000 lost 0\n"));
}

static void a_full_disk_is_told_at_the_end(void **state)
{
    (void)state;
    struct wf_err err;
    assert_int_equal(wan_trace_open(&t, "/dev/full", NULL), WF_OK);
    for (int i = 0; i < 5000; i++)
        wan_trace_packet(&t, &names, p.taken, &p, WAN_LOST);
    assert_int_equal(wan_trace_close(&t, &err), WF_DATA_LOSS);
    assert_non_null(strstr(err.msg, "misses 5000 lines"));
}

static void no_trace_is_no_trouble(void **state)
{
    (void)state;
    struct wf_err err;
    assert_int_equal(wan_trace_open(&t, NULL, NULL), WF_OK);
    wan_trace_packet(&t, &names, p.taken, &p, WAN_LOST);
    wan_trace_tick(&t, UINT64_MAX);
    assert_int_equal(wan_trace_close(&t, NULL), WF_OK);
    assert_int_equal(wan_trace_open(&t, "/nowhere/trace", &err), WF_NOT_FOUND);
    assert_non_null(strstr(err.msg, "/nowhere/trace"));
}

int main(void)
{
#define IN_FILE(test) cmocka_unit_test_setup_teardown(test, begin, finish)
    const struct CMUnitTest tests[] = {
        IN_FILE(a_line_has_everything),
        IN_FILE(lines_are_written_in_blocks_and_after_a_second),
        IN_FILE(a_full_disk_is_told_at_the_end),
        IN_FILE(no_trace_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
