// SPDX-License-Identifier: Apache-2.0
#include "daemon/post.h"

#include <string.h>

#include "check.h"

// The two sides of a post, on one thread: what each sends is counted in batches.
struct sides {
    struct wf_board board;
    struct wf_mailbox *inbox;
    struct wf_post post;
    unsigned inbox_wakes, answer_wakes, done, failed;
};

static void wake_inbox(void *ctx)
{
    ((struct sides *)ctx)->inbox_wakes++;
}

static void wake_front(void *ctx)
{
    ((struct sides *)ctx)->answer_wakes++;
}

static void on_done(struct wf_ask *ask)
{
    struct sides *s = ask->user;
    s->done++;
    s->failed += ask->err != NULL;
    wf_ask_free(ask);
}

static void open_sides(struct sides *s)
{
    memset(s, 0, sizeof *s);
    wf_board_init(&s->board);
    s->inbox = wf_mailbox_new(16, wake_inbox, s);
    assert_non_null(s->inbox);
    assert_int_equal(wf_post_init(&s->post, &s->board, s->inbox, wake_front, s), WF_OK);
}

static void close_sides(struct sides *s)
{
    wf_post_destroy(&s->post);
    wf_mailbox_free(s->inbox);
    wf_board_destroy(&s->board);
}

static int ask(struct sides *s, enum wf_ask_kind kind)
{
    struct wf_ask *a = wf_ask_new(kind, 3, on_done, s);
    assert_non_null(a);
    memcpy(wf_ask_room(a), "abc", 3);
    int rc = s->post.backend.ask(s->post.backend.ctx, a);
    if (rc != WF_OK)
        wf_ask_free(a);
    return rc;
}

static void what_a_turn_collects_goes_in_one_piece(void **state)
{
    struct sides s;
    void *chain[4];
    (void)state;
    open_sides(&s);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(&s, WF_ASK_PROPOSE), WF_OK);
    assert_int_equal(s.inbox_wakes, 0);
    wf_post_send_asks(&s.post);
    wf_post_send_asks(&s.post); // nothing more
    assert_int_equal(s.inbox_wakes, 1);
    assert_int_equal(wf_mailbox_receive(s.inbox, chain, 4), 1);
    unsigned n = 0;
    for (struct wf_ask *a = chain[0], *next; a; a = next) {
        struct wf_err err;
        next = a->next;
        assert_memory_equal(a->command.data, "abc", 3);
        if (n++ % 2) {
            wf_fail(&err, WF_UNAVAILABLE, "no");
            wf_ask_set_err(a, &err);
        } else {
            uint8_t large[1000] = {1};
            wf_ask_set_result(a, (struct wf_bytes){large, n == 1 ? sizeof large : 5});
        }
        wf_post_answer(a);
    }
    assert_int_equal(n, 10);
    assert_int_equal(s.done, 0);
    wf_post_send_answers(&s.post);
    assert_int_equal(s.answer_wakes, 1);
    wf_post_take_answers(&s.post);
    assert_int_equal(s.done, 10);
    assert_int_equal(s.failed, 5);
    close_sides(&s);
}

static void too_many_are_refused_but_what_is_given_back_is_taken(void **state)
{
    struct sides s;
    void *chain[4];
    (void)state;
    open_sides(&s);
    for (int i = 0; i < WF_PROPOSALS_MAX; i++)
        assert_int_equal(ask(&s, WF_ASK_READ), WF_OK);
    assert_int_equal(ask(&s, WF_ASK_READ), WF_RESOURCE_EXHAUSTED);
    assert_int_equal(ask(&s, WF_ASK_UNPIN), WF_OK);
    wf_post_send_asks(&s.post);
    assert_int_equal(wf_mailbox_receive(s.inbox, chain, 4), 1);
    for (struct wf_ask *a = chain[0], *next; a; a = next) {
        next = a->next;
        wf_post_answer(a);
    }
    wf_post_send_answers(&s.post);
    wf_post_take_answers(&s.post);
    assert_int_equal(s.done, WF_PROPOSALS_MAX + 1);
    assert_int_equal(ask(&s, WF_ASK_READ), WF_OK);
    wf_post_send_asks(&s.post);
    assert_int_equal(wf_mailbox_receive(s.inbox, chain, 4), 1);
    wf_post_answer(chain[0]);
    wf_post_send_answers(&s.post);
    wf_post_take_answers(&s.post);
    close_sides(&s);
}

static void the_board_tells_the_age(void **state)
{
    struct sides s;
    struct wf_view view = {.ready = true, .leader = "fra-1"}, seen;
    const struct wf_backend *b = &s.post.backend;
    (void)state;
    open_sides(&s);
    assert_int_equal(b->age_ms(b->ctx), -1);
    s.board.current_at = wf_clock_mono_ns() - 5000000000;
    assert_true(b->age_ms(b->ctx) >= 5000);
    b->view(b->ctx, &seen);
    assert_false(seen.ready);
    assert_string_equal(seen.reason, "the node is starting");
    wf_board_set_view(&s.board, &view);
    b->view(b->ctx, &seen);
    assert_true(seen.ready);
    assert_string_equal(seen.leader, "fra-1");
    close_sides(&s);
}

static void a_loop_that_stands_still_serves_nothing(void **state)
{
    struct sides s;
    struct wf_view view = {.ready = true, .leading = true}, seen;
    const struct wf_backend *b = &s.post.backend;
    (void)state;
    open_sides(&s);
    wf_board_set_view(&s.board, &view);
    s.board.turned_at = wf_clock_mono_ns() - (WF_LOOP_STUCK_MS + 1000) * (wf_mono_ns)1000000;
    b->view(b->ctx, &seen);
    assert_false(seen.ready);
    assert_false(seen.leading);
    assert_non_null(strstr(seen.reason, "stood still for 4 s"));
    s.board.turned_at = wf_clock_mono_ns();
    b->view(b->ctx, &seen);
    assert_true(seen.ready);
    close_sides(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_turn_collects_goes_in_one_piece),
        cmocka_unit_test(too_many_are_refused_but_what_is_given_back_is_taken),
        cmocka_unit_test(the_board_tells_the_age),
        cmocka_unit_test(a_loop_that_stands_still_serves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
