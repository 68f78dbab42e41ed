// SPDX-License-Identifier: Apache-2.0
// A disk that is full in the middle of a batch: the batch fails as a whole, the state is as it was,
// and goes on when there is room again.
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/machine.h"

static void limit_pages(struct world *w, int more)
{
    char sql[64];
    int64_t pages = wf_db_int(&w->s->db, 0, "PRAGMA page_count", "");

    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld", (long long)pages + more);
    wf_db_exec(&w->s->db, sql);
}

static void a_full_disk_fails_the_whole_batch(void **state)
{
    enum { N = 64 };
    static struct wf_state_bytes commands[N], results[N];
    struct world w;
    V1(AddNoteRequest) r = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    uint8_t before[WF_HASH_SIZE], after[WF_HASH_SIZE], head[WF_HASH_SIZE];
    uint64_t events, broken;
    static char text[2000];

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    r.incident_id = (char *)INC;
    memset(text, 'x', sizeof text - 1); // the batch fills a dozen pages
    r.text = text;
    for (int i = 0; i < N; i++) {
        w.request_id = i % 2 == 0 ? NULL : "same";
        commands[i].data = world_pack(&w, "sam", &r.base, &commands[i].len);
    }
    uint64_t applied = wf_state_applied(w.s), seq = count_events(&w);
    wf_state_digest(w.s, before);
    for (int room = 0; room < 8; room++) { // it fails at another write each time
        limit_pages(&w, room);
        assert_int_equal(wf_state_apply(w.s, applied + 1, 1, w.now, commands, N, results, &w.err),
                         WF_RESOURCE_EXHAUSTED);
        wf_state_digest(w.s, after);
        assert_memory_equal(before, after, WF_HASH_SIZE);
        assert_int_equal(wf_state_applied(w.s), applied);
        assert_int_equal(count_events(&w), seq);
        assert_int_equal(wf_state_verify(w.r, &events, &broken, head, &w.err), WF_OK);
        assert_int_equal(broken, 0);
    }
    limit_pages(&w, 100000);
    assert_int_equal(wf_state_apply(w.s, applied + 1, 1, w.now, commands, N, results, &w.err),
                     WF_OK);
    assert_int_equal(count_events(&w), seq + N / 2 + 1);
    for (int i = 0; i < N; i++)
        free((void *)commands[i].data);
    world_reopen(&w);
    assert_int_equal(wf_state_verify(w.r, &events, &broken, head, &w.err), WF_OK);
    assert_int_equal(broken, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_fails_the_whole_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
