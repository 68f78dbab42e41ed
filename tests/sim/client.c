// SPDX-License-Identifier: Apache-2.0
// Clients: people who declare incidents, change their states, hand the command over, write notes
// and sitreps, and read linearizably. One request at a time each, carried from node to node by the
// client library's own policy under one request id, until it is answered or given up; and sometimes
// once more when all is over, as a network that repeats itself does.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/policy.h"
#include "model.h"
#include "replication/node_internal.h"
#include "sim.h"
#include "state/incident.h"

enum { TRY_MS = 2000, PATIENCE_MS = 12000, PAUSE_MS = 20, PAUSE_MAX_MS = 500 };
enum { TEXT_MAX = 120, BURST_MAX = 20 };

// What a client believes of the incident it works on.
struct view {
    uint64_t number; // 0: of none
    int state;
    uint64_t epoch;
    bool mine, offered; // the command, to the client
};

struct client {
    struct sim *sim;
    unsigned person;
    char name[MODEL_NAME];
    struct view view;
    unsigned home;       // the node it asks first
    uint64_t busy;       // the operation it waits for; 0: none
    uint64_t operations; // begun so far
    struct wf_policy policy;
    uint64_t try; // the try it waits for
};

// A call on its way to a node, there, and back. It outlives the patience of who made it. Freed with
// the run.
struct
try {
    struct try *next;
    struct client *client;
    uint64_t operation, number; // of the client's; 0: nobody waits for the answer
    bool read;
    bool once;         // it has no request id: what is asked twice may be done twice
    unsigned to;       // the server
    struct life *life; // which life of it took it
    unsigned request;  // of the model's
    uint64_t incident; // to be read
    uint64_t acked;    // what was acknowledged when the operation began
    uint64_t began, arrived;
    uint8_t *command;
    size_t len;
    // the answer
    int code;
    char reason[32];
    bool answered, processed;
    int leader;
    struct view view;
};

static void think(struct sim *s, struct event *e);
static void begin_try(struct client *c, const struct try *like);

static uint64_t hop(struct sim *s)
{
    return sim_random(s, MS(1), s->healed ? MS(5) : MS(40));
}

static struct try *try_new(struct client *c, const struct try *like)
{
    struct try *t = calloc(1, sizeof *t);

    if (t == NULL)
        abort();
    *t = *like;
    t->client = c;
    t->next = c->sim->tries;
    c->sim->tries = t;
    t->command = NULL;
    if (like->len > 0) {
        t->command = malloc(like->len);
        if (t->command == NULL)
            abort();
        memcpy(t->command, like->command, like->len);
    }
    return t;
}

// --- commands ----------------------------------------------------------------------------------

// What a client can ask for, and the event that it is to become.
enum ask { DECLARE, CHANGE_STATE, OFFER, ACCEPT, CLAIM, SITREP, NOTE, ASKS };

static const struct {
    int request, what, action;
} asks[ASKS] = {
    [DECLARE] = {REQUEST(DECLARE_INCIDENT), WHAT(DECLARED), 0},
    [CHANGE_STATE] = {REQUEST(CHANGE_STATE), WHAT(STATE_CHANGED), 0},
    [OFFER] = {REQUEST(OFFER_ROLE), WHAT(ROLE), ACT_OFFERED},
    [ACCEPT] = {REQUEST(ACCEPT_ROLE), WHAT(ROLE), ACT_ACCEPTED},
    [CLAIM] = {REQUEST(CLAIM_ROLE), WHAT(ROLE), ACT_CLAIMED},
    [SITREP] = {REQUEST(POST_SITREP), WHAT(SITREP), 0},
    [NOTE] = {REQUEST(ADD_NOTE), WHAT(NOTE), 0},
};

static void pack(const INTERNAL(Command) * c, struct try *t)
{
    t->len = protobuf_c_message_get_packed_size(&c->base);
    t->command = malloc(t->len);
    if (t->command == NULL)
        abort();
    protobuf_c_message_pack(&c->base, t->command);
}

// Wrap the request up as the front does, under a new request id, or one that the front made up and
// nobody remembers.
static void command(struct client *c, enum ask ask, uint64_t epoch, void *request, struct try *t)
{
    INTERNAL(Command) cmd = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    V1(Actor) actor = WATCHFIRE__V1__ACTOR__INIT;
    char id[32];
    uint8_t print[WF_HASH_SIZE];

    t->request = model_ask(c->sim->model, c->person, asks[ask].what, asks[ask].action, epoch);
    snprintf(id, sizeof id, "%s-%u", c->name, t->request);
    wf_hash_pair(id, strlen(id), NULL, 0, print);
    actor.name = c->name;
    actor.kind = KIND_USER;
    actor.role = c->person == 0 ? ROLE_ADMIN : ROLE_COMMANDER;
    cmd.request_id = id;
    cmd.request_id_assigned = t->once;
    cmd.actor = &actor;
    cmd.fingerprint.data = print;
    cmd.fingerprint.len = sizeof print;
    cmd.request_case = (INTERNAL(Command__RequestCase))asks[ask].request;
    cmd.tick = request; // all members share the place
    pack(&cmd, t);
    sim_trace(
        c->sim, "%s ASKS %s: %s INC-%llu", c->name, id,
        protobuf_c_message_descriptor_get_field(cmd.base.descriptor, (unsigned)cmd.request_case)
            ->name,
        (unsigned long long)c->view.number);
}

static char *text(struct client *c, char out[TEXT_MAX])
{
    unsigned n = (unsigned)sim_random(c->sim, 1, TEXT_MAX - 1);

    memset(out, 'a' + (int)(c->operations % 26), n);
    out[n] = '\0';
    return out;
}

static uint64_t some_epoch(struct client *c)
{
    return sim_chance(c->sim, 300) ? 0 : c->view.epoch; // sometimes a stale one, for all we know
}

static void incident_id(const struct client *c, char out[32])
{
    snprintf(out, 32, "INC-%llu", (unsigned long long)c->view.number);
}

static void ask_declare(struct client *c, struct try *t)
{
    V1(DeclareIncidentRequest) r = WATCHFIRE__V1__DECLARE_INCIDENT_REQUEST__INIT;
    char title[TEXT_MAX];

    r.title = text(c, title);
    command(c, DECLARE, 0, &r, t);
}

static void ask_change_state(struct client *c, struct try *t)
{
    V1(ChangeStateRequest) r = WATCHFIRE__V1__CHANGE_STATE_REQUEST__INIT;
    char id[32];

    incident_id(c, id);
    r.incident_id = id;
    r.epoch = some_epoch(c);
    r.to = (V1(IncidentState))sim_random(c->sim, STATE_INVESTIGATING, STATE_RESOLVED);
    command(c, CHANGE_STATE, r.epoch, &r, t);
}

static void ask_offer(struct client *c, struct try *t)
{
    V1(OfferRoleRequest) r = WATCHFIRE__V1__OFFER_ROLE_REQUEST__INIT;
    char id[32], to[MODEL_NAME];

    incident_id(c, id);
    snprintf(to, sizeof to, "u%u", (unsigned)sim_random(c->sim, 0, c->sim->profile.clients - 1));
    r.incident_id = id;
    r.epoch = some_epoch(c);
    r.role = IR_COMMANDER;
    r.to = to;
    r.expires_in_s = sim_chance(c->sim, 500) ? WF_OFFER_S_MIN : 600;
    command(c, OFFER, r.epoch, &r, t);
}

static void ask_accept(struct client *c, struct try *t)
{
    V1(AcceptRoleRequest) r = WATCHFIRE__V1__ACCEPT_ROLE_REQUEST__INIT;
    char id[32];

    incident_id(c, id);
    r.incident_id = id;
    r.role = IR_COMMANDER;
    command(c, ACCEPT, 0, &r, t);
}

static void ask_claim(struct client *c, struct try *t)
{
    V1(ClaimRoleRequest) r = WATCHFIRE__V1__CLAIM_ROLE_REQUEST__INIT;
    char id[32];

    incident_id(c, id);
    r.incident_id = id;
    r.role = IR_COMMANDER;
    r.reason = (char *)"nobody answers";
    r.wait_s = WF_CLAIM_S_MIN;
    command(c, CLAIM, 0, &r, t);
}

static void ask_sitrep(struct client *c, struct try *t)
{
    V1(PostSitrepRequest) r = WATCHFIRE__V1__POST_SITREP_REQUEST__INIT;
    char id[32], body[TEXT_MAX];

    incident_id(c, id);
    r.incident_id = id;
    r.epoch = some_epoch(c);
    r.what_is_broken = r.impact = r.being_done = r.who = text(c, body);
    command(c, SITREP, r.epoch, &r, t);
}

static void ask_note(struct client *c, struct try *t)
{
    V1(AddNoteRequest) r = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    char id[32], body[TEXT_MAX];

    incident_id(c, id);
    r.incident_id = id;
    r.text = text(c, body);
    command(c, NOTE, 0, &r, t);
}

// What the client does next, by what it believes.
static void choose(struct client *c, struct try *t)
{
    uint64_t dice = sim_random(c->sim, 0, 99);

    t->incident = c->view.number;
    if (c->view.number == 0 || (dice < 2 && c->sim->model->n < 20))
        ask_declare(c, t);
    else if (dice < 35 && !c->sim->opts.stock) // libraft has no linearizable reads of its own
        t->read = true;
    else if (c->view.offered && dice < 70)
        ask_accept(c, t);
    else if (dice < 50 && (c->view.mine || dice < 38))
        ask_change_state(c, t);
    else if (dice < 65 && (c->view.mine || dice < 53))
        ask_offer(c, t);
    else if (dice < 72 && (c->view.mine || dice < 67))
        ask_sitrep(c, t);
    else if (dice < 73)
        ask_claim(c, t);
    else
        ask_note(c, t);
}

// --- an operation ------------------------------------------------------------------------------

static void finished(struct client *c)
{
    struct sim *s = c->sim;

    c->busy = c->try = 0;
    sim_at(s, s->now + MS(1) * sim_random(s, 1, 2 * s->profile.think_ms), think, c);
}

// A request that may be asked again is, until somebody answers it, and no longer.
static void check_policy(const struct try *t, bool again)
{
    bool unknown = !t->answered || t->code == WF_UNAVAILABLE;

    if (!again && unknown && t->client->policy.repeatable)
        sim_fail(t->client->sim, "%s gives up without an answer", t->client->name);
    if (again && !unknown)
        sim_fail(t->client->sim, "%s asks again, though it was answered: %d %s", t->client->name,
                 t->code, t->reason);
}

// A try has come to something, at the client.
static void outcome(struct client *c, struct try *t)
{
    struct wf_policy_outcome o = {t->code, t->reason, t->answered, t->processed, t->leader};
    int64_t pause = -1;

    if (c->busy != t->operation || c->try != t->number)
        return;
    c->try = 0;
    if (t->code == WF_OK) {
        c->home = t->to;
        if (t->view.number != 0)
            c->view = t->view;
    } else if (c->sim->now - t->began < MS(PATIENCE_MS)) {
        pause = wf_policy_next(&c->policy, &o, c->sim->n_servers,
                               (uint32_t)sim_random(c->sim, 0, UINT32_MAX));
        check_policy(t, pause >= 0);
    }
    if (pause < 0) {
        // The network says it again, to somebody.
        if (sim_chance(c->sim, 50) && !t->read && !t->once) {
            t->operation = 0;
            begin_try(c, t);
        }
        finished(c);
        return;
    }
    t->arrived = c->sim->now + MS(pause);
    begin_try(c, t);
}

static void answered(struct sim *s, struct event *e)
{
    struct try *t = e->p;

    (void)s;
    outcome(t->client, t);
}

static void overdue(struct sim *s, struct event *e)
{
    struct try *t = e->p, late = *t;

    (void)s;
    late.code = WF_DEADLINE_EXCEEDED;
    late.reason[0] = '\0';
    late.answered = false;
    late.processed = true;
    late.leader = -1;
    late.view.number = 0;
    if (t->client->busy != t->operation || t->client->try != t->number)
        return;
    outcome(t->client, &late);
}

// The connection breaks: nobody knows whether it was done.
static void broken(struct try *t, bool processed)
{
    t->code = WF_UNAVAILABLE;
    t->reason[0] = '\0';
    t->answered = false;
    t->processed = processed;
    t->leader = -1;
    if (t->operation != 0)
        sim_at(t->client->sim, t->client->sim->now + hop(t->client->sim), answered, t);
}

static int leader_of(struct try *t)
{
    uint64_t id = node_leader(t->life->node);
    struct sim *s = t->client->sim;

    for (unsigned i = 0; i < s->n_servers; i++) {
        if (s->servers[i].id == id && id != 0)
            return (int)i;
    }
    return -1;
}

static void reply(struct try *t, int code, const char *reason)
{
    struct sim *s = t->client->sim;

    t->code = code;
    snprintf(t->reason, sizeof t->reason, "%s", reason);
    t->answered = t->processed = true;
    t->leader = code != WF_OK ? leader_of(t) : -1;
    if (t->operation == 0)
        return;
    if (sim_chance(s, s->loss_pm / 4))
        broken(t, true); // the answer is lost on its way
    else
        sim_at(s, s->now + hop(s), answered, t);
}

// --- at the node: writes -----------------------------------------------------------------------

static void see(struct client *c, const V1(Incident) * inc, struct view *v)
{
    const V1(RoleOffer) *offer = inc->n_roles > 0 ? inc->roles[0]->offer : NULL;

    *v = (struct view){.number = wf_incident_number(inc->id),
                       .state = (int)inc->state,
                       .epoch = inc->epoch,
                       .mine = strcmp(inc->commander, c->name) == 0,
                       .offered = offer != NULL && strcmp(offer->to, c->name) == 0};
}

// What an answer shows of the incident.
static void look(struct try *t, const INTERNAL(Result) * r)
{
    const ProtobufCMessageDescriptor *d =
        t->client->view.number == 0 ? &watchfire__v1__declare_incident_response__descriptor : NULL;
    V1(DeclareIncidentResponse) * m;

    if (d == NULL)
        return;
    m = (V1(DeclareIncidentResponse) *)protobuf_c_message_unpack(d, NULL, r->response.len,
                                                                 r->response.data);
    if (m != NULL && m->incident != NULL)
        see(t->client, m->incident, &t->view);
    if (m != NULL)
        protobuf_c_message_free_unpacked(&m->base, NULL);
}

static void note_written(struct try *t, uint64_t index)
{
    struct sim *s = t->client->sim;
    uint64_t took = s->now - t->arrived;

    s->writes++;
    s->writes_after += t->began >= MS(FAULTS_MS);
    if (t->arrived >= MS(STEADY_MS) && s->now < MS(QUIET_MS)) {
        s->writes_under_load++;
        // Not what waited for a leader: votes may be split twice, and that is nobody's slowness.
        if (t->arrived >= s->led_at + MS(1000)) {
            s->writes_measured++;
            s->waited += took;
        }
    }
    if (index > s->acked_index)
        s->acked_index = index;
}

static void on_written(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    struct try *t = ctx;
    struct sim *s = t->client->sim;
    INTERNAL(Result) * r;

    if (t->life->dead) {
        broken(t, true);
        return;
    }
    if (err != NULL) {
        s->writes_failed++;
        reply(t, (int)err->code, err->reason);
        return;
    }
    r = watchfire__internal__v1__result__unpack(NULL, result.len, result.data);
    if (r == NULL) {
        sim_fail(s, "%s: a result cannot be read", t->life->server->name);
        return;
    }
    sim_trace(s, "%s ANSWERS %s-%u at %llu: %u, event %llu %s", t->life->server->name,
              t->client->name, t->request, (unsigned long long)index, r->code,
              (unsigned long long)r->seq, r->detail != NULL ? r->detail->reason : "");
    model_answer(s->model, t->life, t->client->person, t->request, t->acked, index, r);
    note_written(t, index);
    if (r->code == WF_OK)
        look(t, r);
    reply(t, (int)r->code, r->detail != NULL ? r->detail->reason : "");
    watchfire__internal__v1__result__free_unpacked(r, NULL);
}

// --- at the node: reads ------------------------------------------------------------------------

static void show(struct try *t, uint64_t index)
{
    V1(GetIncidentRequest) q = WATCHFIRE__V1__GET_INCIDENT_REQUEST__INIT;
    struct sim *s = t->client->sim;
    ProtobufCMessage *m = NULL;
    char id[32];
    struct wf_err err;

    snprintf(id, sizeof id, "INC-%llu", (unsigned long long)t->incident);
    q.incident_id = id;
    if (wf_state_query(t->life->reader, &q.base, &m, &err) != WF_OK) {
        if (!t->life->tainted && !sim_state_damaged(t->life) &&
            (s->flips == 0 || model_declared(s->model, id, index)))
            sim_fail(s, "%s does not show %s as of %llu: %s", t->life->server->name, id,
                     (unsigned long long)index, err.msg);
        return;
    }
    const V1(Incident) *inc = ((V1(GetIncidentResponse) *)m)->incident;
    model_shown(s->model, t->life, index, inc);
    see(t->client, inc, &t->view);
    protobuf_c_message_free_unpacked(m, NULL);
}

static void on_read(void *ctx, const struct wf_err *err, uint64_t index)
{
    struct try *t = ctx;
    struct sim *s = t->client->sim;
    uint8_t digest[WF_HASH_SIZE];
    uint64_t seen;
    struct wf_err why;

    if (t->life->dead) {
        broken(t, true);
        return;
    }
    if (err != NULL) {
        s->reads_failed++;
        reply(t, (int)err->code, err->reason);
        return;
    }
    if (sim_state_reader(t->life) == NULL)
        return;
    if (wf_state_reader_pin(t->life->reader, &seen, digest, &why) != WF_OK) {
        if (sim_state_damaged(t->life)) {
            reply(t, (int)why.code, why.reason);
            return;
        }
        sim_fail(s, "%s cannot be read: %s", t->life->server->name, why.msg);
        return;
    }
    if (index < t->acked || seen < index)
        sim_fail(s, "%s: stale read at %llu (state at %llu), but %llu was acknowledged before",
                 t->life->server->name, (unsigned long long)index, (unsigned long long)seen,
                 (unsigned long long)t->acked);
    show(t, seen);
    wf_state_reader_unpin(t->life->reader);
    s->reads++;
    s->reads_after += t->began >= MS(FAULTS_MS);
    reply(t, WF_OK, "");
}

// --- on the way there --------------------------------------------------------------------------

// What waits for an answer has come, in the peace, to a voter of a leader that was there for a
// second, with another second to spare: it is to succeed. (Leaders that come and go excuse
// nothing.)
static void note_arrived(struct sim *s, const struct try *t)
{
    const struct life *leader = sim_leader(s);

    if (t->operation == 0 || t->began < MS(FAULTS_MS) || s->now < MS(FAULTS_MS + 2000) ||
        s->now >= MS(QUIET_MS - 1000) || leader == NULL ||
        (s->now < s->led_at + MS(1000) && s->leaders_after <= 3) ||
        wf_raft_role(node_raft(leader->node), s->servers[t->to].id) != RAFT_VOTER)
        return;
    s->reads_arrived += t->read;
    s->writes_arrived += !t->read;
    s->writes_arrived_late += !t->read && s->now >= MS(STEADY_MS);
}

static void arrive(struct sim *s, struct event *e)
{
    struct try *t = e->p;
    struct life *l = s->servers[t->to].life;

    if (l == NULL || l->dead || l->fatal || (e->to != NULL && e->to != l)) {
        broken(t, false); // connection refused
        return;
    }
    if (e->to == NULL && s->servers[t->to].paused_until > s->now) { // it waits in the socket
        sim_at(s, s->now, arrive, t)->to = l;
        return;
    }
    t->life = l;
    t->arrived = s->now;
    note_arrived(s, t);
    if (t->read)
        wf_node_read(l->node, on_read, t);
    else
        wf_node_propose(l->node, (struct wf_bytes){t->command, t->len}, on_written, t);
    sim_check_life(l);
}

static void begin_try(struct client *c, const struct try *like)
{
    struct sim *s = c->sim;
    struct try *t = try_new(c, like);
    uint64_t from = like->arrived > s->now ? like->arrived : s->now;

    t->life = NULL;
    t->view.number = 0;
    if (t->operation == 0) { // nobody's
        t->to = (unsigned)sim_random(s, 0, s->n_servers - 1);
        sim_at(s, from + hop(s), arrive, t);
        return;
    }
    wf_policy_begin(&c->policy);
    t->to = c->policy.current;
    t->number = c->try = c->policy.tries;
    sim_at(s, from + hop(s), arrive, t);
    sim_at(s, from + MS(TRY_MS), overdue, t);
}

static void think(struct sim *s, struct event *e)
{
    struct client *c = e->p;
    struct try t = {.leader = -1, .began = s->now, .acked = s->acked_index};

    if (s->now >= MS(QUIET_MS))
        return;
    if (!s->model->genesis) {
        sim_at(s, s->now + MS(50), think, c);
        return;
    }
    c->operations++;
    if (c->view.number == 0 && s->model->n > 0 && sim_chance(s, 800))
        c->view.number = sim_random(s, 1, s->model->n); // somebody told it of one
    t.once = sim_chance(s, 150);
    choose(c, &t);
    if (c->view.number != 0 && sim_chance(s, 50))
        c->view = (struct view){0}; // turns to another
    t.operation = c->busy = c->operations;
    if (c->home >= s->n_servers)
        c->home = 0;
    wf_policy_init(&c->policy, c->home, PAUSE_MS, PAUSE_MAX_MS);
    c->policy.repeatable = t.read || !t.once;
    begin_try(c, &t);
    free(t.command);
}

// --- a storm of notes, which nobody waits for --------------------------------------------------

static void storm(struct sim *s, struct event *e)
{
    (void)e;
    if (s->now >= MS(QUIET_MS))
        return;
    sim_at(s, s->now + sim_random(s, MS(200), SEC(6)), storm, NULL);
    if (s->model->n == 0)
        return;
    for (uint64_t n = sim_random(s, 2, BURST_MAX); n > 0; n--) {
        struct client *c = &s->clients[sim_random(s, 0, s->profile.clients - 1)];
        struct view held = c->view;
        struct try t = {.leader = -1, .began = s->now, .acked = s->acked_index};

        c->view.number = sim_random(s, 1, s->model->n);
        ask_note(c, &t);
        c->view = held;
        begin_try(c, &t);
        free(t.command);
    }
}

// --- the cluster's beginning -------------------------------------------------------------------

static void on_begun(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    (void)ctx;
    (void)err;
    (void)index;
    (void)result;
}

static void propose_genesis(struct sim *s, struct life *leader)
{
    INTERNAL(GenesisCommand) g = WATCHFIRE__INTERNAL__V1__GENESIS_COMMAND__INIT;
    INTERNAL(Command) cmd = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    V1(Actor) actor = WATCHFIRE__V1__ACTOR__INIT;
    V1(User) users[MODEL_PEOPLE], *list[MODEL_PEOPLE];
    uint8_t id[16] = {1, 2, 3};
    struct try t = {0};

    for (unsigned i = 0; i < s->profile.clients; i++) {
        watchfire__v1__user__init(&users[i]);
        users[i].name = s->clients[i].name;
        users[i].kind = KIND_USER;
        users[i].role = i == 0 ? ROLE_ADMIN : ROLE_COMMANDER;
        list[i] = &users[i];
    }
    g.cluster_id.data = id;
    g.cluster_id.len = sizeof id;
    g.cluster_name = (char *)"sim";
    g.schema = (uint32_t)s->profile.schema;
    g.users = list;
    g.n_users = s->profile.clients;
    actor.name = leader->server->name;
    actor.kind = KIND_NODE;
    cmd.actor = &actor;
    cmd.request_id = (char *)"genesis";
    cmd.request_id_assigned = true;
    cmd.request_case = REQUEST(GENESIS);
    cmd.genesis = &g;
    pack(&cmd, &t);
    wf_node_propose(leader->node, (struct wf_bytes){t.command, t.len}, on_begun, NULL);
    free(t.command);
}

// As the daemon does: whoever leads begins the cluster until it has begun.
static void genesis(struct sim *s, struct event *e)
{
    struct life *leader = sim_leader(s);

    (void)e;
    if (s->model->genesis)
        return;
    sim_at(s, s->now + MS(200), genesis, NULL);
    if (leader != NULL && leader->server->paused_until <= s->now)
        propose_genesis(s, leader);
}

void sim_clients_start(struct sim *s)
{
    s->clients = calloc(s->profile.clients, sizeof *s->clients);
    if (s->clients == NULL)
        abort();
    for (unsigned i = 0; i < s->profile.clients; i++) {
        struct client *c = &s->clients[i];

        *c = (struct client){.sim = s, .person = i};
        c->home = (unsigned)sim_random(s, 0, s->n_servers - 1);
        snprintf(c->name, sizeof c->name, "u%u", i);
        sim_at(s, MS(300) + sim_random(s, 0, MS(100)), think, c);
    }
    sim_at(s, MS(300), genesis, NULL);
    sim_at(s, MS(1000), storm, NULL);
}

void sim_clients_free(struct sim *s)
{
    while (s->tries != NULL) {
        struct try *t = s->tries;

        s->tries = t->next;
        free(t->command);
        free(t);
    }
    free(s->clients);
}
