// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "replication/wire.h"
#include "wire_samples.h"

static void encode(const struct wf_msg *m, struct wf_buf *out)
{
    wf_buf_init(out, WF_PEER_FRAME_MAX);
    assert_int_equal(wf_msg_encode(m, out), WF_OK);
}

// Decode a copy of exactly n bytes, so that a read past the end is seen by ASan.
static int decode(const uint8_t *data, size_t n, struct wf_buf *again)
{
    uint8_t *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, data, n);
    struct wf_msg m;
    struct wf_err err;
    int rc = wf_msg_decode(&m, (struct wf_bytes){exact, n}, &err);
    if (rc == WF_OK) {
        encode(&m, again);
        wf_msg_free(&m);
    }
    free(exact);
    return rc;
}

static void every_kind_survives_the_round_trip(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WIRE_SAMPLES; i++) {
        struct wf_msg m;
        struct wf_buf bytes, again;
        wire_sample(i, &m);
        encode(&m, &bytes);
        assert_int_equal(decode(bytes.data, bytes.len, &again), WF_OK);
        assert_int_equal(bytes.len, again.len);
        assert_memory_equal(bytes.data, again.data, bytes.len);
        assert_string_not_equal(wf_msg_name(m.kind), "unknown");
        assert_in_range(wf_msg_lane(m.kind), WF_LANE_URGENT, WF_LANE_BULK);
        wf_buf_free(&bytes);
        wf_buf_free(&again);
    }
}

static void fields_arrive_as_sent(void **state)
{
    (void)state;
    struct wf_msg m, got;
    struct wf_buf bytes;
    wire_sample(3, &m);
    encode(&m, &bytes);
    assert_int_equal(wf_msg_decode(&got, (struct wf_bytes){bytes.data, bytes.len}, NULL), WF_OK);
    assert_int_equal(got.kind, WF_MSG_APPEND);
    assert_int_equal(got.append.prev_index, 100);
    assert_int_equal(got.append.n, 3);
    assert_int_equal(got.append.entries[0].term, 5);
    assert_int_equal(got.append.entries[0].data.len, 7);
    assert_memory_equal(got.append.entries[0].data.data, "declare", 7);
    assert_int_equal(got.append.entries[1].data.len, 0);
    assert_non_null(got.append.entries[1].data.data);
    assert_int_equal(got.append.entries[2].type, WF_RECORD_CHANGE);
    wf_msg_free(&got);
    wf_buf_free(&bytes);
}

// Programs of before wrote and read it so: they have no disk_low, and do not look at leader.
static size_t put_status_of_before(struct wf_buf *b, const struct wf_msg_status *m)
{
    wf_buf_put_u8(b, WF_MSG_STATUS);
    wf_buf_put_u64(b, m->term);
    wf_buf_put_u64(b, m->commit);
    size_t leader_at = b->len;
    wf_buf_put_u64(b, m->leader);
    wf_buf_put_u64(b, m->applied);
    wf_buf_append(b, m->digest, sizeof m->digest);
    wf_buf_put_u64(b, m->mark);
    wf_buf_append(b, m->mark_digest, sizeof m->mark_digest);
    wf_buf_put_u8(b, m->fenced);
    wf_buf_put_u32(b, m->knows);
    return leader_at;
}

static void a_status_of_before_is_one_of_a_node_that_is_not_short_of_disk(void **state)
{
    (void)state;
    struct wf_msg m = {.kind = WF_MSG_STATUS}, got;
    struct wf_buf before, now;
    m.status = (struct wf_msg_status){.term = 6, .commit = 9, .leader = 11, .applied = 9};
    wf_buf_init(&before, 4096);
    put_status_of_before(&before, &m.status);
    assert_int_equal(wf_msg_decode(&got, (struct wf_bytes){before.data, before.len}, NULL), WF_OK);
    assert_false(got.status.disk_low);
    assert_int_equal(got.status.leader, 11);
    encode(&m, &now);
    assert_int_equal(now.len, before.len);
    assert_memory_equal(now.data, before.data, now.len);
    wf_buf_free(&before);
    wf_buf_free(&now);
}

static void to_those_of_before_being_short_of_disk_changes_leader_alone(void **state)
{
    (void)state;
    struct wf_msg m = {.kind = WF_MSG_STATUS}, got;
    struct wf_buf before, now;
    m.status = (struct wf_msg_status){.term = 6, .commit = 9, .leader = 11, .applied = 9};
    m.status.fenced = m.status.disk_low = true;
    wf_buf_init(&before, 4096);
    size_t leader_at = put_status_of_before(&before, &m.status);
    encode(&m, &now);
    assert_int_equal(wf_msg_decode(&got, (struct wf_bytes){now.data, now.len}, NULL), WF_OK);
    assert_true(got.status.disk_low);
    assert_int_equal(got.status.leader, 11);
    assert_int_equal(now.len, before.len);
    memcpy(now.data + leader_at, before.data + leader_at, 8);
    assert_memory_equal(now.data, before.data, now.len);
    wf_buf_free(&before);
    wf_buf_free(&now);
}

static void every_truncation_and_every_extra_byte_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WIRE_SAMPLES; i++) {
        struct wf_msg m;
        struct wf_buf bytes;
        wire_sample(i, &m);
        encode(&m, &bytes);
        for (size_t n = 0; n < bytes.len; n++)
            assert_int_equal(decode(bytes.data, n, NULL), WF_INVALID_ARGUMENT);
        assert_int_equal(wf_buf_put_u8(&bytes, 0), WF_OK);
        assert_int_equal(decode(bytes.data, bytes.len, NULL), WF_INVALID_ARGUMENT);
        wf_buf_free(&bytes);
    }
}

// Any single changed byte is refused or decodes to a message that encodes to just those bytes:
// there is one way to write each message.
static void encoding_is_canonical(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WIRE_SAMPLES; i++) {
        struct wf_msg m;
        struct wf_buf bytes, again;
        wire_sample(i, &m);
        encode(&m, &bytes);
        for (size_t n = 0; n < bytes.len; n++) {
            for (int v = 0; v < 256; v += 17) {
                uint8_t was = bytes.data[n];
                bytes.data[n] = (uint8_t)v;
                if (decode(bytes.data, bytes.len, &again) == WF_OK) {
                    assert_int_equal(bytes.len, again.len);
                    assert_memory_equal(bytes.data, again.data, bytes.len);
                    wf_buf_free(&again);
                }
                bytes.data[n] = was;
            }
        }
        wf_buf_free(&bytes);
    }
}

static void lengths_are_not_trusted(void **state)
{
    (void)state;
    struct wf_buf b;
    wf_buf_init(&b, 4096);
    // An append that claims four billion entries in a few bytes.
    wf_buf_put_u8(&b, WF_MSG_APPEND);
    for (int i = 0; i < 4; i++)
        wf_buf_put_u64(&b, 1);
    wf_buf_put_u32(&b, UINT32_MAX);
    assert_int_equal(decode(b.data, b.len, NULL), WF_INVALID_ARGUMENT);
    // A forwarded command beyond its limit.
    wf_buf_reset(&b);
    wf_buf_put_u8(&b, WF_MSG_FORWARD);
    wf_buf_put_u64(&b, 1);
    wf_buf_put_u32(&b, WF_COMMAND_MAX + 1);
    assert_int_equal(decode(b.data, b.len, NULL), WF_INVALID_ARGUMENT);
    wf_buf_free(&b);
}

static void values_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    struct wf_msg m;
    struct wf_buf b;
    wire_sample(2, &m); // vote result: kind, term, granted, pre_vote
    encode(&m, &b);
    b.data[9] = 2;
    assert_int_equal(decode(b.data, b.len, NULL), WF_INVALID_ARGUMENT);
    b.data[9] = 1;
    b.data[10] = 3;
    assert_int_equal(decode(b.data, b.len, NULL), WF_INVALID_ARGUMENT);
    b.data[0] = 200;
    assert_int_equal(decode(b.data, b.len, NULL), WF_INVALID_ARGUMENT);
    wf_buf_free(&b);
}

// From a peer whose memory or program is broken. What the log would make of it is negative.
static void a_term_or_index_that_no_log_can_have_is_refused(void **state)
{
    (void)state;
    const uint64_t high = UINT64_C(1) << 63;
    for (int what = 0; what < 6; what++) {
        struct wf_msg m;
        struct wf_buf b;
        struct wf_record record = {.term = what == 4 ? high : 1, .type = WF_RECORD_COMMAND};
        wire_sample(3, &m);
        assert_int_equal(m.kind, WF_MSG_APPEND);
        m.append.entries = &record;
        m.append.n = 1;
        uint64_t *const places[] = {&m.append.term, &m.append.prev_index, &m.append.prev_term,
                                    &m.append.commit};
        if (what < 4)
            *places[what] |= high;
        encode(&m, &b);
        struct wf_buf again;
        assert_int_equal(decode(b.data, b.len, &again), what < 5 ? WF_INVALID_ARGUMENT : WF_OK);
        if (what == 5)
            wf_buf_free(&again);
        wf_buf_free(&b);
    }
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    struct wf_msg m;
    struct wf_buf b;
    wire_sample(3, &m);
    wf_buf_init(&b, 20);
    assert_int_equal(wf_msg_encode(&m, &b), WF_RESOURCE_EXHAUSTED);
    wf_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_survives_the_round_trip),
        cmocka_unit_test(fields_arrive_as_sent),
        cmocka_unit_test(a_status_of_before_is_one_of_a_node_that_is_not_short_of_disk),
        cmocka_unit_test(to_those_of_before_being_short_of_disk_changes_leader_alone),
        cmocka_unit_test(every_truncation_and_every_extra_byte_is_refused),
        cmocka_unit_test(encoding_is_canonical),
        cmocka_unit_test(lengths_are_not_trusted),
        cmocka_unit_test(values_that_do_not_exist_are_refused),
        cmocka_unit_test(a_term_or_index_that_no_log_can_have_is_refused),
        cmocka_unit_test(a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
