// SPDX-License-Identifier: Apache-2.0
// Each guard against the very sequence of messages and writes that it is for: with it the bad thing
// does not happen, without it alone it does. So a guard that stops working, and a libraft that no
// longer needs it, both show.
#include "check.h"

#include <string.h>

#include "guard_rig.h"

typedef bool (*scenario)(uint32_t guards); // true: the bad thing happened

static void prove(scenario s, enum wf_guard_bit bit)
{
    assert_false(s(WF_GUARD_ALL));
    assert_true(s(WF_GUARD_ALL & ~(1u << bit)));
}

static struct raft *raft_of(struct rig *r)
{
    return wf_guard_raft(r->guard);
}

// Entries 2 to 5 of term 2 are a stale leader's; the new one knows of entry 1 only.
static bool acknowledges_a_stale_suffix(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 2, 3);
    r.term = 2;
    for (unsigned i = 0; i < 4; i++)
        rig_add(&r, 2, WF_RECORD_BARRIER, (struct wf_bytes){0});
    rig_start(&r, guards);
    rig_append(&r, 3, 3, 1, 1, 1, 0, NULL);
    bad = rig_last(&r, WF_MSG_APPEND_RESULT)->append_result.last_index != 1;
    rig_stop(&r);
    return bad;
}

// The new leader's log ends with an entry of term 2; a majority has it, but nothing of its own
// term.
static bool commits_an_old_term_by_counting(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 1, 3);
    r.term = 2;
    rig_add(&r, 2, WF_RECORD_BARRIER, (struct wf_bytes){0});
    rig_start(&r, guards);
    rig_elect(&r);
    rig_receive(&r, 2,
                (struct wf_msg){.kind = WF_MSG_APPEND_RESULT,
                                .append_result = {wf_raft_term(raft_of(&r)), 0, 2}});
    bad = wf_raft_commit(raft_of(&r)) >= 2;
    rig_stop(&r);
    return bad;
}

static struct raft_apply requests[8];

static void on_applied(struct raft_apply *req, int status, void *result)
{
    (void)req;
    (void)status;
    (void)result;
}

static void propose(struct rig *r, unsigned i)
{
    struct raft_buffer buf = {raft_malloc(8), 8};

    memset(buf.base, 0, 8);
    assert_int_equal(wf_guard_apply(r->guard, &requests[i], &buf, on_applied), 0);
    rig_complete_all(r);
}

// A leader that keeps proposing; the answer for its first entry comes when it has stored four.
static bool nothing_commits_under_load(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 1, 3);
    rig_start(&r, guards);
    rig_elect(&r);
    rig_complete_all(&r);
    for (unsigned i = 0; i < 3; i++)
        propose(&r, i);
    rig_receive(&r, 2,
                (struct wf_msg){.kind = WF_MSG_APPEND_RESULT,
                                .append_result = {wf_raft_term(raft_of(&r)), 0, 3}});
    bad = wf_raft_commit(raft_of(&r)) != 3;
    rig_stop(&r);
    return bad;
}

static bool stands_with_unwritten_entries(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 2, 3);
    rig_start(&r, guards);
    rig_append(&r, 1, 2, 1, 1, 1, 1, (uint64_t[]){2});
    rig_pass(&r, 3 * RIG_ELECTION_MS);
    rig_tick(&r);
    bad = wf_raft_state(raft_of(&r)) != RAFT_FOLLOWER;
    rig_stop(&r);
    return bad;
}

static void on_transferred(struct raft_transfer *req)
{
    (void)req;
}

static struct wf_msg vote(uint64_t term, uint64_t candidate, uint64_t last_index,
                          uint64_t last_term, bool disrupt, bool pre_vote)
{
    return (struct wf_msg){.kind = WF_MSG_VOTE,
                           .vote = {term, candidate, last_index, last_term, disrupt, pre_vote}};
}

// A leader hands over to 3, and is deposed by 2, for whom it votes, before 3 asks in the same term.
// (B35 would end the transfer with the first vote.)
static bool votes_twice(uint32_t guards)
{
    static struct raft_transfer transfer;
    struct rig r;
    uint64_t term;
    bool bad;

    rig_init(&r, 1, 3);
    rig_start(&r, guards & ~(1u << WF_GUARD_BIT_B35));
    rig_elect(&r);
    rig_complete_all(&r);
    term = wf_raft_term(raft_of(&r)) + 1;
    assert_int_equal(wf_guard_transfer(r.guard, &transfer, 3, on_transferred), 0);
    rig_receive(&r, 2, vote(term, 2, 9, term - 1, true, false));
    assert_true(rig_last(&r, WF_MSG_VOTE_RESULT)->vote_result.granted);
    rig_forget(&r);
    rig_receive(&r, 3, vote(term, 3, 9, term - 1, true, false));
    bad = rig_last(&r, WF_MSG_VOTE_RESULT) != NULL &&
          rig_last(&r, WF_MSG_VOTE_RESULT)->vote_result.granted;
    rig_stop(&r);
    return bad;
}

// A leader hands over to 3, which hands over to 2 before anybody heard it lead; and 2 gives
// leadership back at once.
static bool a_transfer_outlives_its_term(uint32_t guards)
{
    static struct raft_transfer transfer;
    struct rig r;
    uint64_t term;
    bool bad;

    rig_init(&r, 1, 3);
    rig_start(&r, guards);
    rig_elect(&r);
    rig_complete_all(&r);
    term = wf_raft_term(raft_of(&r));
    assert_int_equal(wf_guard_transfer(r.guard, &transfer, 3, on_transferred), 0);
    rig_append(&r, 2, term + 2, 2, term, 2, 0, NULL);
    assert_int_equal(wf_raft_leader_id(raft_of(&r)), 2);
    rig_receive(&r, 2,
                (struct wf_msg){.kind = WF_MSG_TIMEOUT_NOW, .timeout_now = {term + 2, 2, term}});
    rig_receive(
        &r, 3,
        (struct wf_msg){
            .kind = WF_MSG_VOTE_RESULT,
            .vote_result = {.term = term + 3, .granted = true, .pre_vote = raft_tribool_false}});
    assert_int_equal(wf_raft_state(raft_of(&r)), RAFT_LEADER);
    bad = wf_raft_transferring(raft_of(&r)) || wf_raft_last(raft_of(&r)) != 3;
    rig_stop(&r);
    return bad;
}

// Entry 2 of term 2 is being written when a leader of term 3 cuts it off, and one of term 4 brings
// it back.
static bool takes_back_what_is_being_written(uint32_t guards)
{
    struct rig r;
    unsigned before;
    bool bad;

    rig_init(&r, 2, 3);
    rig_start(&r, guards);
    rig_append(&r, 1, 2, 1, 1, 1, 1, (uint64_t[]){2});
    rig_append(&r, 3, 3, 1, 1, 1, 1, (uint64_t[]){3});
    before = r.ops_asked;
    rig_append(&r, 1, 4, 1, 1, 1, 1, (uint64_t[]){4});
    bad = r.ops_asked != before;
    rig_stop(&r);
    return bad;
}

// A candidate with the best log, two terms behind.
static bool hides_the_higher_term(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 2, 3);
    r.term = 7;
    rig_add(&r, 7, WF_RECORD_BARRIER, (struct wf_bytes){0});
    rig_start(&r, guards);
    rig_receive(&r, 3, vote(3, 3, 9, 2, false, true));
    assert_false(rig_last(&r, WF_MSG_VOTE_RESULT)->vote_result.granted);
    bad = rig_last(&r, WF_MSG_VOTE_RESULT)->vote_result.term != 7;
    rig_stop(&r);
    return bad;
}

static void compacted(struct rig *r, uint64_t index, uint64_t term, const char *roles)
{
    static const uint8_t data[4] = "mani";

    raft_free((void *)r->log[0].data.data);
    r->n_log = 0;
    r->term = term;
    r->first = index + 1;
    r->manifest =
        (struct wf_manifest){index, term, 1, rig_configuration(roles), {data, sizeof data}};
}

static void stop_compacted(struct rig *r)
{
    rig_stop(r);
    raft_free((void *)r->manifest.configuration.data);
}

// A leader that knows nothing of us begins at index 1, below our snapshot at 5.
static bool refuses_a_compacted_prefix(uint32_t guards)
{
    struct rig r;
    const struct wf_msg *m;
    bool bad;

    rig_init(&r, 2, 3);
    compacted(&r, 5, 2, "VVV");
    rig_start(&r, guards);
    rig_append(&r, 1, 3, 3, 2, 6, 3, (uint64_t[]){2, 2, 3});
    rig_complete_all(&r);
    m = rig_last(&r, WF_MSG_APPEND_RESULT);
    bad = m == NULL || m->append_result.rejected != 0 || m->append_result.last_index != 6;
    stop_compacted(&r);
    return bad;
}

static bool tells_libraft_of_a_failed_send(uint32_t guards)
{
    struct wf_raft_progress p;
    struct rig r;
    bool bad;

    rig_init(&r, 1, 3);
    rig_start(&r, guards);
    rig_elect(&r);
    rig_complete_all(&r);
    rig_receive(&r, 2,
                (struct wf_msg){.kind = WF_MSG_APPEND_RESULT,
                                .append_result = {wf_raft_term(raft_of(&r)), 0, 2}});
    r.send_rc = WF_UNAVAILABLE;
    propose(&r, 0);
    assert_true(wf_raft_progress_of(raft_of(&r), 2, &p));
    bad = p.probing;
    rig_stop(&r);
    return bad;
}

static bool goes_back_one_entry_at_a_time(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 2, 3);
    r.term = 2;
    for (unsigned i = 0; i < 9; i++)
        rig_add(&r, 2, WF_RECORD_BARRIER, (struct wf_bytes){0});
    rig_start(&r, guards);
    rig_append(&r, 3, 3, 8, 3, 0, 0, NULL);
    assert_int_equal(rig_last(&r, WF_MSG_APPEND_RESULT)->append_result.rejected, 8);
    bad = rig_last(&r, WF_MSG_APPEND_RESULT)->append_result.last_index != 1;
    rig_stop(&r);
    return bad;
}

static bool sends_all_at_once(uint32_t guards)
{
    struct rig r;
    bool bad = false;

    rig_init(&r, 1, 3);
    rig_start(&r, guards);
    rig_elect(&r);
    rig_complete_all(&r);
    for (unsigned i = 0; i < 3; i++) {
        struct raft_buffer buf = {raft_malloc(WF_ENTRY_MAX), WF_ENTRY_MAX};

        memset(buf.base, 0, buf.len);
        assert_int_equal(wf_guard_apply(r.guard, &requests[i], &buf, on_applied), 0);
    }
    rig_complete_all(&r);
    rig_forget(&r);
    rig_pass(&r, RIG_HEARTBEAT_MS + 1);
    rig_tick(&r); // probing: everything from the start
    for (unsigned i = 0; i < r.n_sent; i++)
        bad |= r.sent[i].msg.kind == WF_MSG_APPEND && r.sent[i].msg.append.n > 2;
    rig_stop(&r);
    return bad;
}

static struct wf_msg install(uint64_t term, uint64_t index, uint64_t index_term,
                             struct wf_bytes configuration)
{
    static const uint8_t data[4] = "mani";

    return (struct wf_msg){
        .kind = WF_MSG_INSTALL,
        .install = {term, {index, index_term, 1, configuration, {data, sizeof data}}}};
}

// Our entries 2 to 4 are of term 5 and were never committed; the snapshot ends at 3 with term 2.
static bool takes_a_stale_log_for_the_snapshot(uint32_t guards)
{
    struct wf_bytes configuration = rig_configuration("VVV");
    struct rig r;
    bool bad;

    rig_init(&r, 2, 3);
    r.term = 5;
    for (unsigned i = 0; i < 3; i++)
        rig_add(&r, 5, WF_RECORD_BARRIER, (struct wf_bytes){0});
    r.image_here = true;
    rig_start(&r, guards);
    rig_receive(&r, 1, install(6, 3, 2, configuration));
    bad = r.put.index != 3 || r.put.term != 2;
    rig_complete_all(&r);
    if (!bad) {
        bad = wf_raft_term_of(raft_of(&r), 3) != 2 ||
              rig_last(&r, WF_MSG_APPEND_RESULT)->append_result.last_index != 3;
    }
    rig_stop(&r);
    raft_free((void *)configuration.data);
    return bad;
}

// Between the snapshot's manifest on the disk and its image in the state: nothing is acknowledged
// or applied, no election is begun, and stopping leaves it at that.
static void an_install_waits_for_its_image(void **state)
{
    struct wf_bytes configuration = rig_configuration("VVV");
    struct rig r;

    (void)state;
    for (int stop = 0; stop < 2; stop++) {
        rig_init(&r, 2, 3);
        r.image_here = r.hold_install = true;
        rig_start(&r, WF_GUARD_ALL);
        rig_receive(&r, 1, install(2, 9, 2, configuration));
        rig_complete_all(&r);
        assert_int_equal(r.installs, 1);
        rig_forget(&r);
        rig_receive(&r, 1, install(2, 9, 2, configuration));
        rig_append(&r, 1, 2, 9, 2, 10, 1, (uint64_t[]){2});
        rig_append(&r, 1, 2, 9, 2, 9, 0, NULL);
        rig_pass(&r, 5 * RIG_ELECTION_MS);
        rig_tick(&r);
        assert_int_equal(r.installs, 1);
        assert_int_equal(rig_count(&r, WF_MSG_VOTE), 0);
        assert_true(wf_raft_applied(raft_of(&r)) < 9);
        assert_int_equal(wf_guard_manifest(r.guard)->index, 0);
        for (unsigned i = 0; i < r.n_sent; i++)
            if (r.sent[i].msg.kind == WF_MSG_APPEND_RESULT)
                assert_true(r.sent[i].msg.append_result.last_index < 9);
        if (!stop) {
            wf_guard_installed(r.guard);
            assert_int_equal(wf_raft_applied(raft_of(&r)), 9);
            assert_int_equal(wf_guard_manifest(r.guard)->index, 9);
            assert_int_equal(rig_last(&r, WF_MSG_APPEND_RESULT)->append_result.last_index, 9);
        }
        rig_stop(&r);
    }
    raft_free((void *)configuration.data);
}

static bool believes_an_uncommitted_membership(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 2, 3);
    rig_add(&r, 1, WF_RECORD_CHANGE, rig_configuration("VVVP"));
    rig_start(&r, guards);
    bad = wf_raft_configuration_index(raft_of(&r)) != 1 ||
          wf_raft_configuration_uncommitted(raft_of(&r)) != 2;
    rig_stop(&r);
    return bad;
}

// The membership at index 2 is cut off. What was in force before it is known from the log, in which
// it is not where libraft looks.
static bool keeps_a_cut_membership(uint32_t guards)
{
    struct rig r;
    bool bad;

    // Without the guard libraft reads an entry that is compacted away; a snapshot that still has
    // its entries keeps this test from a NULL pointer, and shows the wrong index all the same.
    rig_init(&r, 2, 3);
    rig_add(&r, 1, WF_RECORD_BARRIER, (struct wf_bytes){0});
    rig_add(&r, 1, WF_RECORD_CHANGE, rig_configuration("VVVP"));
    rig_add(&r, 1, WF_RECORD_CHANGE, rig_configuration("VVVPP"));
    rig_start(&r, guards);
    assert_int_equal(wf_raft_configuration(raft_of(&r))->n, 5);
    rig_append(&r, 3, 2, 3, 1, 0, 1, (uint64_t[]){2});
    bad = wf_raft_configuration(raft_of(&r))->n != 4 ||
          wf_raft_configuration_uncommitted(raft_of(&r)) != 3;
    rig_stop(&r);
    return bad;
}

// A snapshot is installed over a log with an uncommitted membership.
static bool keeps_an_uncommitted_index(uint32_t guards)
{
    struct wf_bytes configuration = rig_configuration("VVV");
    struct rig r;
    bool bad;

    rig_init(&r, 2, 3);
    rig_add(&r, 1, WF_RECORD_CHANGE, rig_configuration("VVVP"));
    r.image_here = true;
    rig_start(&r, guards);
    rig_receive(&r, 1, install(2, 9, 2, configuration));
    rig_complete_all(&r);
    assert_int_equal(wf_raft_applied(raft_of(&r)), 9);
    bad = wf_raft_configuration_uncommitted(raft_of(&r)) != 0;
    rig_stop(&r);
    raft_free((void *)configuration.data);
    return bad;
}

static bool leads_alone_in_an_old_term(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 1, 1);
    r.term = 4;
    rig_start(&r, guards);
    assert_int_equal(wf_raft_state(raft_of(&r)), RAFT_LEADER);
    bad = wf_raft_term(raft_of(&r)) != 5 || r.stored_term != 5 || r.stored_vote != 1;
    rig_stop(&r);
    return bad;
}

static bool a_standby_refuses_its_vote(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 3, 3);
    raft_free((void *)r.log[0].data.data);
    r.log[0].data = rig_configuration("VVS");
    rig_start(&r, guards);
    rig_receive(&r, 1, vote(2, 1, 9, 1, false, false));
    bad = !rig_last(&r, WF_MSG_VOTE_RESULT)->vote_result.granted;
    assert_int_equal(wf_raft_role(raft_of(&r), 3), RAFT_STANDBY);
    rig_stop(&r);
    return bad;
}

// The leader was silent for an election timeout, and another follower's timer has run out first.
static bool believes_in_a_vanished_leader(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 2, 5);
    rig_start(&r, guards);
    rig_append(&r, 1, 2, 1, 1, 1, 0, NULL);
    rig_pass(&r, RIG_ELECTION_MS - 1);
    rig_receive(&r, 3, vote(3, 3, 9, 2, false, true));
    assert_false(rig_last(&r, WF_MSG_VOTE_RESULT)->vote_result.granted);
    assert_int_equal(wf_raft_leader_id(raft_of(&r)), 1);
    rig_pass(&r, 1);
    rig_receive(&r, 3, vote(3, 3, 9, 2, false, true));
    bad = !rig_last(&r, WF_MSG_VOTE_RESULT)->vote_result.granted;
    rig_stop(&r);
    return bad;
}

static bool a_candidate_disrupts_for_ever(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 2, 3);
    rig_start(&r, guards);
    rig_append(&r, 1, 2, 1, 1, 1, 0, NULL);
    rig_receive(&r, 1, (struct wf_msg){.kind = WF_MSG_TIMEOUT_NOW, .timeout_now = {2, 1, 1}});
    assert_true(rig_last(&r, WF_MSG_VOTE)->vote.disrupt_leader);
    rig_pass(&r, 3 * RIG_ELECTION_MS);
    rig_tick(&r);
    bad =
        rig_last(&r, WF_MSG_VOTE)->vote.disrupt_leader || !rig_last(&r, WF_MSG_VOTE)->vote.pre_vote;
    rig_stop(&r);
    return bad;
}

// An entry that conflicts with a committed one is the end; libraft only goes quiet.
static bool goes_quiet(uint32_t guards)
{
    struct rig r;
    bool bad;

    rig_init(&r, 2, 3);
    rig_add(&r, 1, WF_RECORD_BARRIER, (struct wf_bytes){0});
    rig_start(&r, guards & ~(1u << WF_GUARD_BIT_B15));
    rig_append(&r, 1, 2, 2, 1, 2, 0, NULL);
    rig_append(&r, 3, 3, 1, 1, 2, 1, (uint64_t[]){3});
    assert_int_equal(wf_raft_state(raft_of(&r)), RAFT_UNAVAILABLE);
    bad = !r.fatal;
    rig_stop(&r);
    return bad;
}

#define PROOF(bit, scenario)                                                                       \
    static void bit(void **state)                                                                  \
    {                                                                                              \
        (void)state;                                                                               \
        prove(scenario, WF_GUARD_BIT_##bit);                                                       \
    }

PROOF(B1, acknowledges_a_stale_suffix)
PROOF(B2, commits_an_old_term_by_counting)
PROOF(B5, nothing_commits_under_load)
PROOF(B7, stands_with_unwritten_entries)
PROOF(B8, votes_twice)
PROOF(B11, takes_back_what_is_being_written)
PROOF(B14, hides_the_higher_term)
PROOF(B15, refuses_a_compacted_prefix)
PROOF(B16, tells_libraft_of_a_failed_send)
PROOF(B17, goes_back_one_entry_at_a_time)
PROOF(B18, sends_all_at_once)
PROOF(B27, goes_quiet)
PROOF(B32, takes_a_stale_log_for_the_snapshot)
PROOF(B33, believes_in_a_vanished_leader)
PROOF(B35, a_transfer_outlives_its_term)
PROOF(M1, believes_an_uncommitted_membership)
PROOF(M2, keeps_a_cut_membership)
PROOF(M4, keeps_an_uncommitted_index)
PROOF(M6, leads_alone_in_an_old_term)
PROOF(M8, a_standby_refuses_its_vote)
PROOF(M13, a_candidate_disrupts_for_ever)

// The target of a transfer asks for votes in a new term: its old leader does not lead that one.
static void a_new_term_has_no_leader_yet(void **state)
{
    struct rig r;
    struct wf_msg vote = {
        .kind = WF_MSG_VOTE,
        .vote = {
            .term = 2, .candidate = 2, .last_index = 1, .last_term = 1, .disrupt_leader = true}};

    (void)state;
    rig_init(&r, 1, 3);
    rig_start(&r, WF_GUARD_ALL);
    rig_append(&r, 3, 1, 1, 1, 1, 0, NULL);
    assert_int_equal(wf_raft_leader_id(raft_of(&r)), 3);
    rig_receive(&r, 2, vote);
    assert_int_equal(wf_raft_term(raft_of(&r)), 2);
    assert_int_equal(wf_raft_leader_id(raft_of(&r)), 0);
    rig_append(&r, 2, 2, 1, 1, 1, 0, NULL);
    assert_int_equal(wf_raft_leader_id(raft_of(&r)), 2);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B1),
        cmocka_unit_test(B2),
        cmocka_unit_test(B5),
        cmocka_unit_test(B7),
        cmocka_unit_test(B8),
        cmocka_unit_test(B11),
        cmocka_unit_test(B14),
        cmocka_unit_test(B15),
        cmocka_unit_test(B16),
        cmocka_unit_test(B17),
        cmocka_unit_test(B18),
        cmocka_unit_test(B27),
        cmocka_unit_test(B32),
        cmocka_unit_test(B33),
        cmocka_unit_test(B35),
        cmocka_unit_test(M1),
        cmocka_unit_test(M2),
        cmocka_unit_test(M4),
        cmocka_unit_test(an_install_waits_for_its_image),
        cmocka_unit_test(M6),
        cmocka_unit_test(M8),
        cmocka_unit_test(M13),
        cmocka_unit_test(a_new_term_has_no_leader_yet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
