// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "replication/configuration.h"

static struct wf_member member(uint64_t id, const char *name, enum wf_role role)
{
    struct wf_member m = {.id = id, .role = role};

    snprintf(m.name, sizeof m.name, "%s", name);
    snprintf(m.region, sizeof m.region, "fra");
    snprintf(m.address, sizeof m.address, "%s.example:7411", name);
    return m;
}

static struct wf_bytes encoded(void)
{
    struct wf_member members[] = {member(7, "fra-1", WF_VOTER), member(9, "iad-1", WF_STANDBY)};
    struct wf_bytes bytes;

    assert_int_equal(wf_configuration_encode(members, 2, &bytes, NULL), WF_OK);
    return bytes;
}

static void members_survive_encoding(void **state)
{
    struct wf_bytes bytes = encoded();
    struct raft_configuration c;
    struct wf_member m;

    (void)state;
    assert_int_equal(wf_configuration_decode(bytes, &c), WF_OK);
    assert_int_equal(c.n, 2);
    assert_int_equal(wf_configuration_voters(&c), 1);
    assert_int_equal(wf_member_parse(wf_configuration_get(&c, 9), &m), WF_OK);
    assert_string_equal(m.name, "iad-1");
    assert_string_equal(m.region, "fra");
    assert_string_equal(m.address, "iad-1.example:7411");
    assert_int_equal(m.role, WF_STANDBY);
    assert_null(wf_configuration_get(&c, 8));
    raft_configuration_close(&c);
    raft_free((void *)bytes.data);
}

static void cut_bytes_are_refused_and_leave_nothing_behind(void **state)
{
    struct wf_bytes bytes = encoded();
    struct raft_configuration c;

    (void)state;
    // libraft pads to eight bytes; what is before the padding must be whole.
    for (size_t cut = 0; cut + 8 < bytes.len; cut++) {
        assert_int_equal(wf_configuration_decode((struct wf_bytes){bytes.data, cut}, &c),
                         WF_INVALID_ARGUMENT);
        assert_int_equal(c.n, 0);
    }
    raft_free((void *)bytes.data);
}

static void names_that_the_string_cannot_carry_are_refused(void **state)
{
    struct wf_member m = member(1, "fra-1", WF_VOTER);
    struct wf_err err;

    (void)state;
    assert_int_equal(wf_member_check(&m, &err), WF_OK);
    snprintf(m.name, sizeof m.name, "a|b");
    assert_int_equal(wf_member_check(&m, &err), WF_INVALID_ARGUMENT);
    snprintf(m.name, sizeof m.name, "a b");
    assert_int_equal(wf_member_check(&m, &err), WF_INVALID_ARGUMENT);
    m.name[0] = '\0';
    assert_int_equal(wf_member_check(&m, &err), WF_INVALID_ARGUMENT);
    m = member(0, "fra-1", WF_VOTER);
    assert_int_equal(wf_member_check(&m, &err), WF_INVALID_ARGUMENT);
}

static void an_id_is_used_once(void **state)
{
    struct wf_member members[] = {member(7, "fra-1", WF_VOTER), member(7, "iad-1", WF_VOTER)};
    struct wf_bytes bytes;
    struct wf_err err;

    (void)state;
    assert_int_equal(wf_configuration_encode(members, 2, &bytes, &err), WF_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_survive_encoding),
        cmocka_unit_test(cut_bytes_are_refused_and_leave_nothing_behind),
        cmocka_unit_test(names_that_the_string_cannot_carry_are_refused),
        cmocka_unit_test(an_id_is_used_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
