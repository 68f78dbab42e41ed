// SPDX-License-Identifier: Apache-2.0
// Readers on threads of their own, while the writer applies and once replaces the whole state.
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { READERS = 3, BATCHES = 150, PER_BATCH = 20 };

struct reading {
    struct wf_state_reader *r;
    atomic_bool *stop;
    uint64_t reads;
    char failure[256]; // cmocka may only fail on its own thread
};

static void note_failure(struct reading *g, const char *what, const struct wf_err *err)
{
    if (g->failure[0] == '\0')
        snprintf(g->failure, sizeof g->failure, "%s: %.200s", what, err->msg);
}

static void ask(struct reading *g, const ProtobufCMessage *request, const char *what)
{
    ProtobufCMessage *answer;
    struct wf_err err;

    if (wf_state_query(g->r, request, &answer, &err) != WF_OK)
        note_failure(g, what, &err);
    else
        protobuf_c_message_free_unpacked(answer, NULL);
}

static void *read_on(void *ctx)
{
    struct reading *g = ctx;
    V1(GetBriefRequest) brief = WATCHFIRE__V1__GET_BRIEF_REQUEST__INIT;
    V1(SearchRequest) search = WATCHFIRE__V1__SEARCH_REQUEST__INIT;
    struct wf_err err = {.msg = "went back"};
    uint64_t before = 0, now;

    brief.incident_id = (char *)INC;
    search.query = (char *)"note";
    do {
        if (wf_state_reader_applied(g->r, &now, &err) != WF_OK || now < before)
            note_failure(g, "applied", &err);
        before = now;
        ask(g, &brief.base, "brief");
        if (g->reads++ % 8 == 0)
            ask(g, &search.base, "search");
    } while (!atomic_load(g->stop) && g->failure[0] == '\0');
    return NULL;
}

static void write_on(struct world *w)
{
    struct wf_state_bytes commands[PER_BATCH], results[PER_BATCH];
    V1(AddNoteRequest) r = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    struct wf_state_image *image;
    char path[128];
    uint8_t hash[WF_HASH_SIZE];
    uint64_t size;

    r.incident_id = (char *)INC;
    r.text = (char *)"a note";
    commands[0].data = world_pack(w, "sam", &r.base, &commands[0].len);
    for (int i = 1; i < PER_BATCH; i++)
        commands[i] = commands[0];
    snprintf(path, sizeof path, "%s/image", w->dir);
    for (int i = 0; i < BATCHES; i++) {
        assert_int_equal(wf_state_apply(w->s, wf_state_applied(w->s) + 1, 1, w->now, commands,
                                        PER_BATCH, results, &w->err),
                         WF_OK);
        if (i % 50 == 25) {
            assert_int_equal(wf_state_image_begin(w->s, &image, &w->err), WF_OK);
            assert_int_equal(wf_state_image_write(image, path, &size, hash, &w->err), WF_OK);
            wf_state_image_end(image);
            assert_int_equal(wf_state_install(w->s, path, &w->err), WF_OK);
            assert_int_equal(wf_state_checkpoint(w->dir, &w->err), WF_OK);
        }
    }
    free((void *)commands[0].data);
}

static void readers_go_along(void **state)
{
    struct world w;
    struct reading g[READERS] = {0};
    pthread_t threads[READERS];
    atomic_bool stop = false;

    (void)state;
    world_open_dir(&w);
    declare(&w, "ricardo", "x");
    for (int i = 0; i < READERS; i++) {
        g[i].stop = &stop;
        assert_int_equal(wf_state_reader_open(&g[i].r, w.s, &w.err), WF_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &g[i]), 0);
    }
    write_on(&w);
    atomic_store(&stop, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        wf_state_reader_close(g[i].r);
        if (g[i].failure[0] != '\0')
            fail_msg("%s", g[i].failure);
        assert_true(g[i].reads > 0);
    }
    assert_int_equal(incident(&w, INC)->last_seq, count_events(&w));
    world_close(&w);
}

static void record(struct world *w, const char *action, const char *name)
{
    INTERNAL(MemberCommand) c = WATCHFIRE__INTERNAL__V1__MEMBER_COMMAND__INIT;

    c.action = (char *)action;
    c.node = (char *)name;
    assert_int_equal(world_node(w, &c.base), WF_OK);
}

static void the_record_knows_removed_members(void **state)
{
    struct world w;
    bool removed = true;

    (void)state;
    world_open(&w);
    record(&w, "added", "gru-1");
    assert_int_equal(wf_state_member_removed(w.r, "gru-1", &removed, &w.err), WF_OK);
    assert_false(removed);
    record(&w, "removed", "gru-1");
    record(&w, "removed", "gru-2");
    assert_int_equal(wf_state_member_removed(w.r, "gru-1", &removed, &w.err), WF_OK);
    assert_true(removed);
    assert_int_equal(wf_state_member_removed(w.r, "gru", &removed, &w.err), WF_OK);
    assert_false(removed);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_knows_removed_members),
        cmocka_unit_test(readers_go_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
