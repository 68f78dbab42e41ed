// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include "base/result.h"
#include "check.h"

static void agrees_with_fips_180(void **state)
{
    (void)state;
    uint8_t h[WF_HASH_SIZE];
    char hex[WF_HASH_HEX_SIZE];
    wf_hash_pair("abc", 3, "", 0, h);
    assert_string_equal(wf_hex(h, sizeof h, hex),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void parts_hash_as_the_whole(void **state)
{
    (void)state;
    uint8_t a[WF_HASH_SIZE], b[WF_HASH_SIZE], c[WF_HASH_SIZE];
    struct wf_hash h;
    wf_hash_init(&h);
    wf_hash_update(&h, "wat", 3);
    wf_hash_update(&h, "chfire", 6);
    wf_hash_final(&h, a);
    wf_hash_pair("watch", 5, "fire", 4, b);
    wf_hash_pair("watch", 5, "fire!", 5, c);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

static void hex_both_ways(void **state)
{
    (void)state;
    uint8_t out[3];
    char hex[7];
    assert_int_equal(wf_unhex("00FFa1", out, 3), WF_OK);
    assert_string_equal(wf_hex(out, 3, hex), "00ffa1");
    assert_int_equal(wf_unhex("00ff", out, 3), WF_INVALID_ARGUMENT);
    assert_int_equal(wf_unhex("00ffg1", out, 3), WF_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_fips_180),
        cmocka_unit_test(parts_hash_as_the_whole),
        cmocka_unit_test(hex_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
