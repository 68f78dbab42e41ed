// SPDX-License-Identifier: Apache-2.0
// ClusterService: the status of this node and changes of members, which the leader makes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/rules.h"
#include "base/address.h"
#include "base/assert.h"
#include "base/hash.h"
#include "watchfire/v1/cluster.pb-c.h"

typedef Watchfire__V1__Member member;

enum { WARNINGS_MAX = 8 };

// What a question to the node is kept with.
struct question {
    struct wf_api *api;
    struct wf_call *call;
    char name[WF_NODE_NAME_MAX + 1]; // the member it is about
};

static struct question *question_new(struct wf_api *api, struct wf_call *call, const char *name)
{
    struct question *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->api = api;
    q->call = wf_call_ref(call);
    snprintf(q->name, sizeof q->name, "%s", name);
    return q;
}

static void question_end(struct question *q, struct wf_ask *ask)
{
    wf_call_unref(q->call);
    free(q);
    wf_ask_free(ask);
}

// Send an ask that q goes with; on failure both are gone and the call has failed.
static void submit(struct wf_api *api, struct wf_call *call, struct question *q, struct wf_ask *ask)
{
    if (!q) {
        wf_ask_free(ask);
        ask = NULL;
    }
    if (wf_api_ask(api, call, ask) != WF_OK && q)
        question_end(q, NULL);
}

// --- status --------------------------------------------------------------------------------------

static Watchfire__V1__MemberRole role_of(enum wf_role role)
{
    switch (role) {
    case WF_SPARE:
        return WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_SPARE;
    case WF_STANDBY:
        return WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_STANDBY;
    case WF_VOTER:
        return WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_VOTER;
    }
    return WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_UNSPECIFIED;
}

static void fill_member(const struct wf_node_status *s, const struct wf_member_status *m,
                        member *out)
{
    bool self = m->member.id == s->self.id;
    watchfire__v1__member__init(out);
    out->id = m->member.id;
    out->name = (char *)m->member.name;
    out->region = (char *)m->member.region;
    out->address = (char *)m->member.address;
    out->role = role_of(m->member.role);
    out->leader = m->is_leader;
    out->connected = self || m->connected;
    out->heard_ms_ago = self ? 0 : m->heard_ms_ago;
    out->applied_index = self ? s->applied : m->applied;
    out->image_percent = m->image_percent;
    out->disk_low = m->disk_low;
    out->lag_bytes = self ? 0 : s->state == WF_STATE_LEADER ? m->lag_bytes : -1;
}

static bool short_of_disk(const struct wf_node_status *s)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->members[i].disk_low)
            return true;
    return false;
}

static unsigned voters(const struct wf_node_status *s, unsigned *in_touch)
{
    unsigned n = 0;
    *in_touch = 0;
    for (unsigned i = 0; i < s->n; i++) {
        const struct wf_member_status *m = &s->members[i];
        if (m->member.role != WF_VOTER)
            continue;
        n++;
        *in_touch += m->connected || m->member.id == s->self.id;
    }
    return n;
}

// Voters in the region with the most of them, and the number of regions with one.
static unsigned largest_region(const struct wf_node_status *s, unsigned *regions)
{
    unsigned most = 0;
    *regions = 0;
    for (unsigned i = 0; i < s->n; i++) {
        unsigned same = 0, before = 0;
        if (s->members[i].member.role != WF_VOTER)
            continue;
        for (unsigned j = 0; j < s->n; j++) {
            bool alike = s->members[j].member.role == WF_VOTER &&
                         strcmp(s->members[i].member.region, s->members[j].member.region) == 0;
            same += alike;
            before += alike && j < i;
        }
        *regions += before == 0;
        most = same > most ? same : most;
    }
    return most;
}

// What a person should know, in the order of weight. The texts are static.
static unsigned warn(const struct wf_api *api, const struct wf_node_status *s,
                     const char *out[WARNINGS_MAX])
{
    unsigned regions, in_touch, n = 0;
    unsigned total = voters(s, &in_touch), most = largest_region(s, &regions);
    int64_t days = (api->o.expires() - wf_clock_unix_ms()) / (24 * 3600 * 1000);
    if (s->leader_id == 0)
        out[n++] = "no leader is known: writes and linearizable reads wait";
    if (s->disk_low)
        out[n++] =
            "writes are refused: too few voters have room on their disks; make room on those "
            "that are low";
    else if (short_of_disk(s))
        out[n++] = "a member is short of disk: make room on it before it is full";
    if (total > 1 && in_touch < total && in_touch > total / 2 && in_touch - 1 <= total / 2)
        out[n++] = "one more voter lost and there is no quorum";
    if (regions == 1)
        out[n++] = "all voters are in one region: its loss stops the cluster; use three regions or "
                   "more";
    else if (regions == 2)
        out[n++] = "two regions cannot survive the loss of one; use three or more";
    else if (regions > 2 && most * 2 >= total)
        out[n++] = "half of the voters or more are in one region: its loss stops the cluster";
    if (total > 1 && total % 2 == 0)
        out[n++] = "an even number of voters survives no more losses than one voter less would";
    if (days < 14)
        out[n++] = "the node's certificate ends within 14 days: renew it and send SIGHUP";
    if (s->change_pending)
        out[n++] = "a change of members is under way";
    WF_ASSERT(n <= WARNINGS_MAX);
    return n;
}

static void fill_status(const struct wf_api *api, const struct wf_status *status,
                        Watchfire__V1__GetStatusResponse *out, char *id, char *digest)
{
    const struct wf_node_status *s = &status->node;
    unsigned in_touch, total = voters(s, &in_touch);
    out->cluster_id = wf_hex(api->o.cluster_id, sizeof api->o.cluster_id, id);
    out->cluster_name = (char *)api->o.cluster_name;
    out->node = (char *)api->o.node;
    out->state = (char *)wf_node_state_name(s);
    out->term = s->term;
    out->commit_index = s->commit;
    out->applied_index = s->applied;
    for (unsigned i = 0; i < s->n; i++)
        if (s->members[i].is_leader)
            out->leader = (char *)s->members[i].member.name;
    out->quorum = in_touch > total / 2;
    out->digest = wf_hex(s->digest, sizeof s->digest, digest);
    out->last_seq = status->last_seq;
    out->fence_reason = (char *)s->fence_reason;
    out->catch_up_percent = (int32_t)s->catch_up_percent;
    out->version = (char *)WF_VERSION;
    out->certificate_expires_in_s = (api->o.expires() - wf_clock_unix_ms()) / 1000;
    out->image_index = s->image_index;
    out->first_index = s->first_index;
}

static void on_status(struct wf_ask *ask)
{
    struct question *q = ask->user;
    if (ask->err) {
        wf_api_fail(q->api, q->call, ask->err);
    } else {
        const struct wf_node_status *s = &ask->status->node;
        Watchfire__V1__GetStatusResponse r = WATCHFIRE__V1__GET_STATUS_RESPONSE__INIT;
        member members[WF_MEMBERS_MAX], *pointers[WF_MEMBERS_MAX];
        const char *warnings[WARNINGS_MAX];
        char id[33], digest[WF_HASH_HEX_SIZE];
        for (unsigned i = 0; i < s->n; i++) {
            fill_member(s, &s->members[i], &members[i]);
            pointers[i] = &members[i];
        }
        r.n_members = s->n;
        r.members = pointers;
        fill_status(q->api, ask->status, &r, id, digest);
        r.n_warnings = warn(q->api, s, warnings);
        r.warnings = (char **)warnings;
        wf_call_reply(q->call, &r.base);
    }
    question_end(q, ask);
}

static void ask_status(struct wf_api *api, struct wf_call *call, const char *name,
                       void (*done)(struct wf_ask *))
{
    struct question *q = question_new(api, call, name);
    submit(api, call, q, wf_ask_new(WF_ASK_STATUS, 0, done, q));
}

void wf_get_status(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    (void)who;
    ask_status(api, call, "", on_status);
}

// --- changes -------------------------------------------------------------------------------------

// A change has been made: answer with the member as it stands now.
static void on_member_status(struct wf_ask *ask)
{
    struct question *q = ask->user;
    const struct wf_node_status *s = ask->err ? NULL : &ask->status->node;
    const struct wf_member_status *found = NULL;
    for (unsigned i = 0; s && i < s->n; i++)
        if (strcmp(s->members[i].member.name, q->name) == 0)
            found = &s->members[i];
    if (found) {
        member m;
        fill_member(s, found, &m);
        // Both responses are a member in field 1.
        Watchfire__V1__AddMemberResponse r = WATCHFIRE__V1__ADD_MEMBER_RESPONSE__INIT;
        r.member = &m;
        uint8_t packed[1024];
        size_t n = watchfire__v1__add_member_response__get_packed_size(&r);
        WF_ASSERT(n <= sizeof packed);
        watchfire__v1__add_member_response__pack(&r, packed);
        wf_call_reply_packed(q->call, packed, n);
    } else {
        struct wf_err err;
        wf_fail(&err, WF_ABORTED, "%s was changed, and meanwhile removed", q->name);
        wf_api_fail(q->api, q->call, ask->err ? ask->err : &err);
    }
    question_end(q, ask);
}

static void on_member_changed(struct wf_ask *ask)
{
    struct question *q = ask->user;
    if (ask->err)
        wf_api_fail(q->api, q->call, ask->err);
    else
        ask_status(q->api, q->call, q->name, on_member_status);
    question_end(q, ask);
}

// A name stands for one disk, for good: what the others remember of it would be said of another.
static int check_new_name(struct wf_api *api, const char *name, struct wf_err *err)
{
    bool removed;
    int rc = wf_state_member_removed(api->reader, name, &removed, err);
    if (rc == WF_OK && removed)
        return wf_fail_reason(
            err, WF_ALREADY_EXISTS, "NAME_USED",
            "%s was a member once and was removed: a name is not given to another "
            "disk; choose a new one",
            name);
    return rc;
}

static int check_member(const Watchfire__V1__AddMemberRequest *r, struct wf_err *err)
{
    // What was cut is no name and no address.
    if (strlen(r->name) > WF_NODE_NAME_MAX || strlen(r->region) > WF_NODE_NAME_MAX ||
        strlen(r->address) > WF_ADDRESS_MAX)
        return wf_fail_reason(err, WF_INVALID_ARGUMENT, "TOO_LONG",
                              "name and region have at most %d bytes, the address %d",
                              WF_NODE_NAME_MAX, WF_ADDRESS_MAX);
    if (!wf_address_ok(r->address, 1))
        return wf_fail_reason(err, WF_INVALID_ARGUMENT, "BAD_ADDRESS",
                              "address must be \"host:port\" (an IPv6 address goes in brackets)");
    return WF_OK;
}

void wf_add_member(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    const Watchfire__V1__AddMemberRequest *r = (const void *)wf_call_request(call);
    struct question *q = question_new(api, call, r->name);
    struct wf_ask *ask = wf_ask_member(WF_ASK_ADD, r->name, WF_SPARE, on_member_changed, q);
    (void)who;
    if (ask) {
        snprintf(ask->member->region, sizeof ask->member->region, "%s", r->region);
        snprintf(ask->member->address, sizeof ask->member->address, "%s", r->address);
    }
    struct wf_err err;
    struct wf_view view;
    api->o.backend->view(api->o.backend->ctx, &view);
    // Only the leader's record is whole; the others point to it.
    if (check_member(r, &err) != WF_OK ||
        (view.leading && check_new_name(api, r->name, &err) != WF_OK)) {
        wf_api_fail(api, call, &err);
        wf_ask_free(ask);
        if (q)
            question_end(q, NULL);
        return;
    }
    submit(api, call, q, ask);
}

void wf_assign_member(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    const Watchfire__V1__AssignMemberRequest *r = (const void *)wf_call_request(call);
    enum wf_role role = WF_SPARE;
    (void)who;
    switch (r->role) {
    case WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_STANDBY:
        role = WF_STANDBY;
        break;
    case WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_VOTER:
        role = WF_VOTER;
        break;
    default: {
        struct wf_err err;
        wf_fail_reason(&err, WF_INVALID_ARGUMENT, "BAD_ROLE",
                       "a member can be made STANDBY or VOTER; to make it less, remove it");
        wf_api_fail(api, call, &err);
        return;
    }
    }
    struct question *q = question_new(api, call, r->name);
    submit(api, call, q, wf_ask_member(WF_ASK_ASSIGN, r->name, role, on_member_changed, q));
}

static void on_removed(struct wf_ask *ask)
{
    struct question *q = ask->user;
    Watchfire__V1__RemoveMemberResponse r = WATCHFIRE__V1__REMOVE_MEMBER_RESPONSE__INIT;
    if (ask->err)
        wf_api_fail(q->api, q->call, ask->err);
    else
        wf_call_reply(q->call, &r.base);
    question_end(q, ask);
}

void wf_remove_member(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    const Watchfire__V1__RemoveMemberRequest *r = (const void *)wf_call_request(call);
    struct question *q = question_new(api, call, r->name);
    (void)who;
    submit(api, call, q, wf_ask_member(WF_ASK_REMOVE, r->name, WF_SPARE, on_removed, q));
}

// Who leads is known where a read has been answered.
static void on_new_leader(struct wf_ask *ask)
{
    struct question *q = ask->user;
    Watchfire__V1__TransferLeadershipResponse r = WATCHFIRE__V1__TRANSFER_LEADERSHIP_RESPONSE__INIT;
    struct wf_view view;
    q->api->o.backend->view(q->api->o.backend->ctx, &view);
    r.leader = view.leader;
    if (!ask->err && *r.leader) {
        wf_call_reply(q->call, &r.base);
    } else {
        struct wf_err err;
        wf_fail_reason(&err, WF_UNAVAILABLE, "UNKNOWN_OUTCOME",
                       "leadership was given away, and this node has not heard yet who has it: "
                       "watchfire cluster status shows it");
        wf_api_fail(q->api, q->call, &err);
    }
    question_end(q, ask);
}

static void on_transferred(struct wf_ask *ask)
{
    struct question *q = ask->user;
    if (ask->err) {
        wf_api_fail(q->api, q->call, ask->err);
        question_end(q, ask);
        return;
    }
    wf_ask_free(ask);
    submit(q->api, q->call, q, wf_ask_new(WF_ASK_READ, 0, on_new_leader, q));
}

void wf_transfer(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    const Watchfire__V1__TransferLeadershipRequest *r = (const void *)wf_call_request(call);
    struct question *q = question_new(api, call, r->to);
    (void)who;
    submit(api, call, q, wf_ask_member(WF_ASK_TRANSFER, r->to, WF_VOTER, on_transferred, q));
}

static void on_image(struct wf_ask *ask)
{
    struct question *q = ask->user;
    Watchfire__V1__TakeSnapshotResponse r = WATCHFIRE__V1__TAKE_SNAPSHOT_RESPONSE__INIT;
    r.index = ask->index;
    if (ask->err)
        wf_api_fail(q->api, q->call, ask->err);
    else
        wf_call_reply(q->call, &r.base);
    question_end(q, ask);
}

void wf_take_snapshot(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    struct question *q = question_new(api, call, "");
    (void)who;
    submit(api, call, q, wf_ask_new(WF_ASK_IMAGE, 0, on_image, q));
}
