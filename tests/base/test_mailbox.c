// SPDX-License-Identifier: Apache-2.0
#include "base/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/result.h"
#include "check.h"

static void count_wake(void *ctx)
{
    atomic_fetch_add((_Atomic int *)ctx, 1);
}

static void keeps_order_and_wakes_once_per_burst(void **state)
{
    (void)state;
    _Atomic int wakes = 0;
    struct wf_mailbox *m = wf_mailbox_new(4, count_wake, &wakes);
    int items[5];
    for (int i = 0; i < 4; i++)
        assert_int_equal(wf_mailbox_send(m, &items[i]), WF_OK);
    assert_int_equal(wf_mailbox_send(m, &items[4]), WF_RESOURCE_EXHAUSTED);
    assert_int_equal(wakes, 1);
    void *out[8];
    assert_int_equal(wf_mailbox_receive(m, out, 3), 3);
    assert_ptr_equal(out[0], &items[0]);
    assert_ptr_equal(out[2], &items[2]);
    // One is left: the receiver is called again.
    assert_int_equal(wakes, 2);
    assert_int_equal(wf_mailbox_receive(m, out, 8), 1);
    assert_ptr_equal(out[0], &items[3]);
    wf_mailbox_close(m);
    assert_int_equal(wf_mailbox_send(m, &items[0]), WF_UNAVAILABLE);
    wf_mailbox_free(m);
}

enum { SENDERS = 3, EACH = 20000 };

struct race {
    struct wf_mailbox *m;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool flag;
};

static void wake_race(void *ctx)
{
    struct race *r = ctx;
    pthread_mutex_lock(&r->lock);
    r->flag = true;
    pthread_cond_signal(&r->woken);
    pthread_mutex_unlock(&r->lock);
}

static void *sender(void *arg)
{
    struct race *r = arg;
    static const int item;
    for (int i = 0; i < EACH; i++)
        while (wf_mailbox_send(r->m, (void *)&item) == WF_RESOURCE_EXHAUSTED)
            ;
    return NULL;
}

static void loses_nothing_between_threads(void **state)
{
    (void)state;
    struct race r = {.lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER};
    r.m = wf_mailbox_new(64, wake_race, &r);
    pthread_t threads[SENDERS];
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sender, &r), 0);
    size_t got = 0;
    void *out[16];
    while (got < (size_t)SENDERS * EACH) {
        pthread_mutex_lock(&r.lock);
        while (!r.flag)
            pthread_cond_wait(&r.woken, &r.lock);
        r.flag = false;
        pthread_mutex_unlock(&r.lock);
        for (size_t n; (n = wf_mailbox_receive(r.m, out, 16)) > 0;)
            got += n;
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(got, SENDERS * EACH);
    wf_mailbox_free(r.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_wakes_once_per_burst),
        cmocka_unit_test(loses_nothing_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
