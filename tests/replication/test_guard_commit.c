// SPDX-License-Identifier: Apache-2.0
// The arithmetic of guards B1 and B5, and the manifest.
#include "check.h"

#include <string.h>

#include "replication/guard_internal.h"
#include "replication/manifest.h"

static uint64_t quorum(unsigned n, const uint64_t *at)
{
    uint64_t copy[8];

    memcpy(copy, at, n * sizeof *at);
    return guard_quorum_index(copy, n);
}

static void a_majority_holds_the_quorum_index_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(quorum(1, (uint64_t[]){9}), 9);
    assert_int_equal(quorum(2, (uint64_t[]){9, 4}), 4);
    assert_int_equal(quorum(3, (uint64_t[]){100, 90, 0}), 90);
    assert_int_equal(quorum(3, (uint64_t[]){0, 0, 100}), 0);
    assert_int_equal(quorum(4, (uint64_t[]){8, 7, 6, 5}), 6);
    assert_int_equal(quorum(5, (uint64_t[]){100, 90, 60, 10, 5}), 60);
    assert_int_equal(quorum(0, (uint64_t[]){0}), 0);
}

static void the_quorum_index_is_what_counting_says(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        uint64_t at[7];
        unsigned n = 1 + round % 7, holders = 0, above = 0;
        uint64_t q;

        for (unsigned i = 0; i < n; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            at[i] = (seed >> 33) % 10;
        }
        q = quorum(n, at);
        for (unsigned i = 0; i < n; i++) {
            holders += at[i] >= q;
            above += at[i] > q;
        }
        assert_true(holders > n / 2);
        assert_false(above > n / 2);
    }
}

static void every_guard_has_a_bit(void **state)
{
    (void)state;
    assert_true(WF_GUARD_COUNT < 32);
    assert_int_equal(__builtin_popcount(WF_GUARD_ALL), WF_GUARD_COUNT);
    assert_int_equal(__builtin_popcount(WF_GUARD_OFF(WF_GUARD_ALL, B1)), WF_GUARD_COUNT - 1);
}

static void a_manifest_comes_back_as_it_was(void **state)
{
    struct wf_image_info info = {.index = 1234, .size = 5678}, back;
    uint8_t bytes[WF_MANIFEST_SIZE];
    char path[WF_IMAGE_PATH_MAX];
    wf_unix_ms time;

    (void)state;
    memset(info.hash, 0xab, sizeof info.hash);
    memset(info.digest, 0xcd, sizeof info.digest);
    wf_manifest_encode(bytes, -5, &info);
    assert_int_equal(wf_manifest_decode((struct wf_bytes){bytes, sizeof bytes}, &time, &back),
                     WF_OK);
    assert_int_equal(time, -5);
    assert_int_equal(back.index, 1234);
    assert_int_equal(back.size, 5678);
    assert_memory_equal(back.hash, info.hash, sizeof info.hash);
    assert_memory_equal(back.digest, info.digest, sizeof info.digest);
    assert_int_equal(wf_manifest_decode((struct wf_bytes){bytes, sizeof bytes - 1}, &time, &back),
                     WF_DATA_LOSS);
    bytes[0] = 9;
    assert_int_equal(wf_manifest_decode((struct wf_bytes){bytes, sizeof bytes}, &time, &back),
                     WF_DATA_LOSS);
    assert_int_equal(wf_image_path(path, "d", &info, ".image"), WF_OK);
    assert_int_equal(strlen(path), 2 + 64 + 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_majority_holds_the_quorum_index_and_no_more),
        cmocka_unit_test(the_quorum_index_is_what_counting_says),
        cmocka_unit_test(every_guard_has_a_bit),
        cmocka_unit_test(a_manifest_comes_back_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
