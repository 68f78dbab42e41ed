// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *display;
    int kind, role;
} people[] = {
    {"ada", "Ada", KIND_USER, ROLE_ADMIN},
    {"ricardo", "Ricardo", KIND_USER, ROLE_COMMANDER},
    {"chris", "Chris Stolt", KIND_USER, ROLE_COMMANDER},
    {"sam", "", KIND_USER, ROLE_RESPONDER},
    {"tia", "", KIND_USER, ROLE_RESPONDER},
    {"vic", "", KIND_USER, ROLE_VIEWER},
    {"bot", "", KIND_SERVICE, ROLE_RESPONDER},
    {"auto", "", KIND_SERVICE, ROLE_COMMANDER},
};
enum { PEOPLE = sizeof people / sizeof people[0] };

static void genesis(struct world *w)
{
    INTERNAL(GenesisCommand) g = WATCHFIRE__INTERNAL__V1__GENESIS_COMMAND__INIT;
    V1(User) users[PEOPLE], *list[PEOPLE];
    uint8_t id[16] = {1, 2, 3};

    for (int i = 0; i < PEOPLE; i++) {
        watchfire__v1__user__init(&users[i]);
        users[i].name = (char *)people[i].name;
        users[i].display_name = (char *)people[i].display;
        users[i].kind = (V1(ActorKind))people[i].kind;
        users[i].role = (V1(Role))people[i].role;
        list[i] = &users[i];
    }
    g.cluster_id.data = id;
    g.cluster_id.len = sizeof id;
    g.cluster_name = (char *)"test";
    g.users = list;
    g.n_users = PEOPLE;
    assert_int_equal(world_node(w, &g.base), WF_OK);
}

static void open_it(struct world *w)
{
    struct wf_err err;

    if (wf_state_open(&w->s, w->dir[0] != '\0' ? w->dir : NULL, &err) != WF_OK)
        fail_msg("%s", err.msg);
    if (wf_state_reader_open(&w->r, w->s, &err) != WF_OK)
        fail_msg("%s", err.msg);
}

void world_open(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->now = 1341026280000; // 2012-06-30T03:18:00Z
    open_it(w);
    genesis(w);
}

void world_open_dir(struct world *w)
{
    memset(w, 0, sizeof *w);
    strcpy(w->dir, "/tmp/watchfire-state-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->now = 1341026280000;
    open_it(w);
    genesis(w);
}

static void close_it(struct world *w)
{
    wf_state_reader_close(w->r);
    wf_state_close(w->s);
}

void world_reopen(struct world *w)
{
    assert_true(w->dir[0] != '\0');
    close_it(w);
    open_it(w);
}

static void drop_result(struct world *w)
{
    if (w->result != NULL)
        watchfire__internal__v1__result__free_unpacked(w->result, NULL);
    w->result = NULL;
}

static void drop_query(struct world *w)
{
    if (w->query != NULL)
        protobuf_c_message_free_unpacked(w->query, NULL);
    w->query = NULL;
}

void world_close(struct world *w)
{
    char command[96];

    drop_result(w);
    drop_query(w);
    close_it(w);
    if (w->dir[0] == '\0')
        return;
    snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    assert_int_equal(system(command), 0);
}

void world_pass(struct world *w, int64_t s)
{
    w->now += s * 1000;
}

// --- calls --------------------------------------------------------------------------------------

int world_apply(struct world *w, const void *command, size_t len)
{
    struct wf_state_bytes c = {command, len}, r;
    struct wf_err err;

    if (wf_state_apply(w->s, wf_state_applied(w->s) + 1, 1, w->now, &c, 1, &r, &err) != WF_OK)
        fail_msg("%s", err.msg);
    drop_result(w);
    w->result = watchfire__internal__v1__result__unpack(NULL, r.len, r.data);
    assert_non_null(w->result);
    return (int)w->result->code;
}

// The member of Command.request that has the type of the request.
static void set_request(INTERNAL(Command) * c, ProtobufCMessage *request)
{
    const ProtobufCMessageDescriptor *d = c->base.descriptor;

    for (unsigned i = 0; i < d->n_fields; i++)
        if (d->fields[i].descriptor == request->descriptor) {
            c->request_case = (INTERNAL(Command__RequestCase))d->fields[i].id;
            c->tick = (INTERNAL(TickCommand) *)request; // all members share the place
            return;
        }
    fail_msg("%s is no command", request->descriptor->name);
}

static uint8_t *pack(struct world *w, const V1(Actor) * actor, const char *display,
                     ProtobufCMessage *request, size_t *len)
{
    INTERNAL(Command) c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    uint8_t print[WF_HASH_SIZE], *bytes;

    c.actor = (V1(Actor) *)actor;
    c.display_name = (char *)display;
    c.request_id = (char *)(w->request_id != NULL ? w->request_id : "srv");
    c.request_id_assigned = w->request_id == NULL;
    set_request(&c, request);
    bytes = malloc(protobuf_c_message_get_packed_size(request) + 1);
    wf_hash_pair(request->descriptor->name, strlen(request->descriptor->name), bytes,
                 protobuf_c_message_pack(request, bytes), print);
    free(bytes);
    c.fingerprint.data = print;
    c.fingerprint.len = sizeof print;
    bytes = malloc(protobuf_c_message_get_packed_size(&c.base));
    *len = protobuf_c_message_pack(&c.base, bytes);
    w->request_id = NULL;
    return bytes;
}

uint8_t *world_pack(struct world *w, const char *who, ProtobufCMessage *request, size_t *len)
{
    V1(Actor) a = WATCHFIRE__V1__ACTOR__INIT;
    struct wf_principal p;

    if (wf_state_user(w->r, who, &p, NULL) != WF_OK) {
        memset(&p, 0, sizeof p); // not known (any more): a user without rights
        p.kind = KIND_USER;
    }
    a.name = (char *)who;
    a.kind = (V1(ActorKind))p.kind;
    a.role = (V1(Role))p.role;
    return pack(w, &a, p.display_name, request, len);
}

int world_do(struct world *w, const char *who, ProtobufCMessage *request)
{
    size_t len;
    uint8_t *bytes = world_pack(w, who, request, &len);
    int code = world_apply(w, bytes, len);

    free(bytes);
    return code;
}

int world_node(struct world *w, ProtobufCMessage *command)
{
    V1(Actor) a = WATCHFIRE__V1__ACTOR__INIT;
    size_t len;

    a.name = (char *)"fra-1";
    a.kind = KIND_NODE;
    uint8_t *bytes = pack(w, &a, "", command, &len);
    int code = world_apply(w, bytes, len);
    free(bytes);
    return code;
}

int world_tick(struct world *w)
{
    struct wf_state_bytes t = wf_state_tick(w->s);

    return world_apply(w, t.data, t.len);
}

// --- shorthands ---------------------------------------------------------------------------------

int declare(struct world *w, const char *who, const char *title)
{
    V1(DeclareIncidentRequest) r = WATCHFIRE__V1__DECLARE_INCIDENT_REQUEST__INIT;

    r.title = (char *)title;
    return world_do(w, who, &r.base);
}

int change(struct world *w, const char *who, int to)
{
    V1(ChangeStateRequest) r = WATCHFIRE__V1__CHANGE_STATE_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.epoch = w->epoch;
    r.to = (V1(IncidentState))to;
    return world_do(w, who, &r.base);
}

int offer(struct world *w, const char *who, int role, const char *group, const char *to)
{
    V1(OfferRoleRequest) r = WATCHFIRE__V1__OFFER_ROLE_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.epoch = w->epoch;
    r.role = (V1(IncidentRole))role;
    r.group = (char *)group;
    r.to = (char *)to;
    return world_do(w, who, &r.base);
}

#define ROLE_CALL(function_, type_, init_)                                                         \
    int function_(struct world *w, const char *who, int role, const char *group)                   \
    {                                                                                              \
        type_ r;                                                                                   \
                                                                                                   \
        init_(&r);                                                                                 \
        r.incident_id = (char *)INC;                                                               \
        r.role = (V1(IncidentRole))role;                                                           \
        r.group = (char *)group;                                                                   \
        return world_do(w, who, &r.base);                                                          \
    }
ROLE_CALL(accept_role, V1(AcceptRoleRequest), watchfire__v1__accept_role_request__init)
ROLE_CALL(decline, V1(DeclineRoleRequest), watchfire__v1__decline_role_request__init)
ROLE_CALL(withdraw, V1(WithdrawOfferRequest), watchfire__v1__withdraw_offer_request__init)
ROLE_CALL(refuse_claim, V1(RefuseClaimRequest), watchfire__v1__refuse_claim_request__init)
ROLE_CALL(release, V1(ReleaseRoleRequest), watchfire__v1__release_role_request__init)

int claim(struct world *w, const char *who, int role, const char *group, const char *reason)
{
    V1(ClaimRoleRequest) r = WATCHFIRE__V1__CLAIM_ROLE_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.role = (V1(IncidentRole))role;
    r.group = (char *)group;
    r.reason = (char *)reason;
    return world_do(w, who, &r.base);
}

int sitrep(struct world *w, const char *who, const char *text)
{
    V1(PostSitrepRequest) r = WATCHFIRE__V1__POST_SITREP_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.epoch = w->epoch;
    r.what_is_broken = r.impact = r.being_done = r.who = (char *)text;
    return world_do(w, who, &r.base);
}

int status(struct world *w, const char *who, int kind, const char *body)
{
    V1(PostStatusRequest) r = WATCHFIRE__V1__POST_STATUS_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.epoch = w->epoch;
    r.kind = (V1(StatusKind))kind;
    r.body = (char *)body;
    return world_do(w, who, &r.base);
}

int note(struct world *w, const char *who, const char *text)
{
    V1(AddNoteRequest) r = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;

    r.incident_id = (char *)INC;
    r.text = (char *)text;
    return world_do(w, who, &r.base);
}

int set_user(struct world *w, const char *who, const char *name, int kind, int role)
{
    V1(SetUserRequest) r = WATCHFIRE__V1__SET_USER_REQUEST__INIT;
    V1(User) u = WATCHFIRE__V1__USER__INIT;

    u.name = (char *)name;
    u.kind = (V1(ActorKind))kind;
    u.role = (V1(Role))role;
    r.user = &u;
    return world_do(w, who, &r.base);
}

void refused(struct world *w, const char *reason, const char *passage)
{
    assert_int_not_equal(w->result->code, WF_OK);
    assert_non_null(w->result->detail);
    assert_string_equal(w->result->detail->reason, reason);
    if (strstr(w->result->message, passage) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", w->result->message, passage);
    assert_int_equal(w->result->response.len, 0);
    assert_int_equal(w->result->seq, 0);
}

// --- reading ------------------------------------------------------------------------------------

void *query(struct world *w, ProtobufCMessage *request)
{
    drop_query(w);
    if (wf_state_query(w->r, request, &w->query, &w->err) != WF_OK)
        w->query = NULL;
    return w->query;
}

V1(Incident) * incident(struct world *w, const char *id)
{
    V1(GetIncidentRequest) r = WATCHFIRE__V1__GET_INCIDENT_REQUEST__INIT;

    r.incident_id = (char *)id;
    V1(GetIncidentResponse) *answer = query(w, &r.base);
    assert_non_null(answer);
    return answer->incident;
}

V1(Event) * newest_event(struct world *w)
{
    V1(ListEventsRequest) r = WATCHFIRE__V1__LIST_EVENTS_REQUEST__INIT;

    r.newest_first = true;
    r.page_size = 1;
    V1(ListEventsResponse) *answer = query(w, &r.base);
    assert_non_null(answer);
    assert_int_equal(answer->n_events, 1);
    return answer->events[0];
}

void announced(struct world *w, const char *line)
{
    assert_string_equal(newest_event(w)->announcement, line);
}

uint64_t count_events(struct world *w)
{
    return wf_state_last_seq(w->s);
}
