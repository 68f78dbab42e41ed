// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "check.h"

static void grows_up_to_its_ceiling_and_no_further(void **state)
{
    (void)state;
    struct wf_buf b;
    wf_buf_init(&b, 1000);
    char text[600];
    memset(text, 'a', sizeof text);
    assert_int_equal(wf_buf_append(&b, text, sizeof text), WF_OK);
    assert_int_equal(wf_buf_append(&b, text, sizeof text), WF_RESOURCE_EXHAUSTED);
    assert_true(b.failed);
    assert_int_equal(b.len, 600);
    // It stays failed even for what would fit, so that a writer may check once at the end.
    assert_int_equal(wf_buf_putc(&b, 'x'), WF_RESOURCE_EXHAUSTED);
    wf_buf_reset(&b);
    assert_int_equal(wf_buf_putc(&b, 'x'), WF_OK);
    wf_buf_free(&b);
}

static void integers_are_little_endian_and_come_back(void **state)
{
    (void)state;
    struct wf_buf b;
    wf_buf_init(&b, 64);
    wf_buf_put_u8(&b, 0xAB);
    wf_buf_put_u16(&b, 0x1234);
    wf_buf_put_u32(&b, 0xDEADBEEF);
    wf_buf_put_u64(&b, 0x0123456789ABCDEFull);
    assert_int_equal(b.data[1], 0x34);
    struct wf_reader r = wf_reader_of(b.data, b.len);
    assert_int_equal(wf_get_u8(&r), 0xAB);
    assert_int_equal(wf_get_u16(&r), 0x1234);
    assert_int_equal(wf_get_u32(&r), 0xDEADBEEF);
    assert_true(wf_get_u64(&r) == 0x0123456789ABCDEFull);
    assert_false(r.failed);
    assert_int_equal(wf_get_u32(&r), 0);
    assert_true(r.failed);
    wf_buf_free(&b);
}

static void a_short_read_fails_every_read_after_it(void **state)
{
    (void)state;
    const uint8_t bytes[3] = {1, 2, 3};
    struct wf_reader r = wf_reader_of(bytes, sizeof bytes);
    assert_null(wf_get_bytes(&r, 4));
    assert_int_equal(wf_get_u8(&r), 0);
    assert_true(r.failed);
}

static void printf_consume_take(void **state)
{
    (void)state;
    struct wf_buf b;
    wf_buf_init(&b, 100);
    wf_buf_printf(&b, "%s-%d", "INC", 42);
    assert_string_equal(wf_buf_cstr(&b), "INC-42");
    wf_buf_consume(&b, 4);
    assert_string_equal(wf_buf_cstr(&b), "42");
    size_t len;
    uint8_t *data = wf_buf_take(&b, &len);
    assert_int_equal(len, 2);
    assert_int_equal(b.len, 0);
    free(data);
    expect_abort(wf_buf_consume(&b, 1));
}

static void reserve_then_commit(void **state)
{
    (void)state;
    struct wf_buf b;
    wf_buf_init(&b, 10);
    assert_null(wf_buf_reserve(&b, 11));
    wf_buf_reset(&b);
    uint8_t *p = wf_buf_reserve(&b, 10);
    assert_non_null(p);
    memcpy(p, "0123456789", 10);
    wf_buf_commit(&b, 10);
    assert_memory_equal(b.data, "0123456789", 10);
    wf_buf_free(&b);
}

static void sizes_have_units(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *text;
    } sizes[] = {
        {0, "0 B"},         {999, "999 B"},      {1000, "1.0 kB"},       {999949, "999.9 kB"},
        {999950, "1.0 MB"}, {5200000, "5.2 MB"}, {UINT64_MAX, "18.4 EB"}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct wf_buf b;
        wf_buf_init(&b, 100);
        wf_buf_put_size(&b, sizes[i].n);
        assert_string_equal(wf_buf_cstr(&b), sizes[i].text);
        wf_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_ceiling_and_no_further),
        cmocka_unit_test(integers_are_little_endian_and_come_back),
        cmocka_unit_test(a_short_read_fails_every_read_after_it),
        cmocka_unit_test(printf_consume_take),
        cmocka_unit_test(reserve_then_commit),
        cmocka_unit_test(sizes_have_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
