// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "rpc/frame.h"

enum { MAX = 100 };

static void frames_come_out_whole_however_they_are_cut(void **state)
{
    static const uint8_t stream[] = "\0\0\0\0\3abc\1\0\0\0\0\2\0\0\0\1z\0\0\0\0\0";
    struct wf_frame_reader r;
    struct wf_frame f;
    struct wf_err err;

    (void)state;
    for (size_t piece = 1; piece < sizeof stream; piece++) {
        size_t n = 0;
        char seen[16] = "";
        wf_frame_reader_init(&r, MAX);
        for (size_t at = 0; at < sizeof stream - 1; at += piece) {
            size_t k = sizeof stream - 1 - at < piece ? sizeof stream - 1 - at : piece;
            uint8_t *exact = malloc(k);
            assert_non_null(exact);
            memcpy(exact, stream + at, k);
            wf_frame_feed(&r, exact, k);
            while (wf_frame_next(&r, &f, &err) == 1) {
                strncat(seen, (const char *)f.data, f.len);
                seen[strlen(seen)] = (char)('0' + f.flags);
                n++;
            }
            free(exact);
        }
        assert_int_equal(n, 4);
        assert_string_equal(seen, "abc01z20");
        assert_int_equal(wf_frame_pending(&r), 0);
        wf_frame_reader_free(&r);
    }
}

static void a_frame_too_large_is_refused_by_its_head(void **state)
{
    struct wf_frame_reader r;
    struct wf_frame f;
    struct wf_err err;

    (void)state;
    wf_frame_reader_init(&r, MAX);
    wf_frame_feed(&r, (const uint8_t *)"\0\0\0\0\x65", 5);
    assert_int_equal(wf_frame_next(&r, &f, &err), -1);
    assert_int_equal(err.code, WF_RESOURCE_EXHAUSTED);
    wf_frame_reader_free(&r);
    wf_frame_reader_init(&r, MAX);
    wf_frame_feed(&r, (const uint8_t *)"\0\xff\xff", 3);
    assert_int_equal(wf_frame_next(&r, &f, &err), 0);
    wf_frame_feed(&r, (const uint8_t *)"\xff\xff", 2);
    assert_int_equal(wf_frame_next(&r, &f, &err), -1);
    wf_frame_reader_free(&r);
}

static void only_what_has_arrived_is_kept(void **state)
{
    struct wf_frame_reader r;
    struct wf_frame f;
    struct wf_err err;

    (void)state;
    wf_frame_reader_init(&r, 1024 * 1024);
    wf_frame_feed(&r, (const uint8_t *)"\0\0\x10\0\0only this", 14);
    assert_int_equal(wf_frame_next(&r, &f, &err), 0);
    assert_int_equal(wf_frame_pending(&r), 14);
    assert_true(r.partial.cap < 1024);
    wf_frame_reader_free(&r);
}

static void heads_are_big_endian(void **state)
{
    uint8_t head[WF_FRAME_HEAD];

    (void)state;
    wf_frame_head(head, 2, 0x01020304);
    assert_memory_equal(head, "\2\1\2\3\4", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_whole_however_they_are_cut),
        cmocka_unit_test(a_frame_too_large_is_refused_by_its_head),
        cmocka_unit_test(only_what_has_arrived_is_kept),
        cmocka_unit_test(heads_are_big_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
