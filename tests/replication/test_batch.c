// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <string.h>

#include "replication/batch.h"

static struct wf_bytes commands[WF_ENTRY_COMMANDS_MAX];

static size_t make(uint8_t *out, uint64_t index, const char *const texts[], unsigned n)
{
    uint8_t *p = out + WF_BATCH_HEADER;

    wf_batch_put_header(out, index, 1341026280000, n);
    for (unsigned i = 0; i < n; i++)
        p = wf_batch_put_command(p, (struct wf_bytes){(const uint8_t *)texts[i], strlen(texts[i])});
    return (size_t)(p - out);
}

static void a_batch_comes_back_as_it_was(void **state)
{
    static const char *const texts[] = {"first", "", "third"};
    uint8_t bytes[200];
    struct wf_batch batch;
    size_t len = make(bytes, 77, texts, 3);

    (void)state;
    assert_int_equal(len, WF_BATCH_HEADER + 3 * WF_BATCH_PER_COMMAND + 10);
    assert_int_equal(wf_batch_decode((struct wf_bytes){bytes, len}, commands, &batch), WF_OK);
    assert_int_equal(batch.index, 77);
    assert_int_equal(batch.time, 1341026280000);
    assert_int_equal(batch.n, 3);
    assert_int_equal(batch.commands[0].len, 5);
    assert_memory_equal(batch.commands[0].data, "first", 5);
    assert_int_equal(batch.commands[1].len, 0);
    assert_memory_equal(batch.commands[2].data, "third", 5);
}

static void an_empty_batch_is_a_batch(void **state)
{
    uint8_t bytes[WF_BATCH_HEADER];
    struct wf_batch batch;

    (void)state;
    make(bytes, 1, NULL, 0);
    assert_int_equal(wf_batch_decode((struct wf_bytes){bytes, sizeof bytes}, commands, &batch),
                     WF_OK);
    assert_int_equal(batch.n, 0);
}

static void every_shorter_or_longer_run_of_bytes_is_refused(void **state)
{
    static const char *const texts[] = {"first", "second"};
    uint8_t bytes[200] = {0};
    struct wf_batch batch;
    size_t len = make(bytes, 5, texts, 2);

    (void)state;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(wf_batch_decode((struct wf_bytes){bytes, cut}, commands, &batch),
                         WF_DATA_LOSS);
    assert_int_equal(wf_batch_decode((struct wf_bytes){bytes, len + 1}, commands, &batch),
                     WF_DATA_LOSS);
}

static void a_foreign_version_or_a_wild_count_is_refused(void **state)
{
    uint8_t bytes[WF_BATCH_HEADER];
    struct wf_batch batch;

    (void)state;
    make(bytes, 1, NULL, 0);
    bytes[0] = 2;
    assert_int_equal(wf_batch_decode((struct wf_bytes){bytes, sizeof bytes}, commands, &batch),
                     WF_DATA_LOSS);
    make(bytes, 1, NULL, 0);
    memset(bytes + 17, 0xff, 4);
    assert_int_equal(wf_batch_decode((struct wf_bytes){bytes, sizeof bytes}, commands, &batch),
                     WF_DATA_LOSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_comes_back_as_it_was),
        cmocka_unit_test(an_empty_batch_is_a_batch),
        cmocka_unit_test(every_shorter_or_longer_run_of_bytes_is_refused),
        cmocka_unit_test(a_foreign_version_or_a_wild_count_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
