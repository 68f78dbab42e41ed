// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/time.h"
#include "sim.h"
#include "state/incident.h"

static void *more(void *items, unsigned n, unsigned *cap, size_t size)
{
    if (n < *cap)
        return items;
    *cap = *cap != 0 ? 2 * *cap : 16;
    items = realloc(items, *cap * size);
    if (items == NULL)
        abort();
    return items;
}

struct model *model_new(struct sim *s)
{
    struct model *m = calloc(1, sizeof *m);

    if (m == NULL)
        abort();
    m->sim = s;
    return m;
}

void model_free(struct model *m)
{
    for (unsigned i = 0; i < m->n; i++)
        free(m->incidents[i].versions);
    for (unsigned i = 0; i < MODEL_PEOPLE; i++)
        free(m->requests[i]);
    free(m->incidents);
    free(m);
}

// --- requests ----------------------------------------------------------------------------------

unsigned model_ask(struct model *m, unsigned person, int what, int action, uint64_t epoch)
{
    unsigned n = m->n_requests[person]++;

    m->requests[person] =
        more(m->requests[person], n, &m->requests_cap[person], sizeof *m->requests[person]);
    m->requests[person][n] = (struct model_request){.what = what, .action = action, .epoch = epoch};
    return n;
}

// The request that an event names; NULL when it is no client's.
static struct model_request *request_of(struct model *m, const char *id)
{
    unsigned person, number;

    if (sscanf(id, "u%u-%u", &person, &number) != 2 || person >= MODEL_PEOPLE ||
        number >= m->n_requests[person])
        return NULL;
    return &m->requests[person][number];
}

static void note_request(struct model *m, const V1(Event) * e)
{
    struct model_request *r = request_of(m, e->request_id);

    if (r == NULL || (int)e->what_case != r->what ||
        (e->what_case == WHAT(ROLE) && (int)e->role->action != r->action))
        return;
    if (r->seq != 0)
        sim_fail(m->sim, "request %s was carried out twice, as events %llu and %llu", e->request_id,
                 (unsigned long long)r->seq, (unsigned long long)e->seq);
    if (r->answered && r->code != 0)
        sim_fail(m->sim, "request %s was refused, and carried out as event %llu", e->request_id,
                 (unsigned long long)e->seq);
    r->seq = e->seq;
}

// The refusals that the state does not remember, so that the same request may fare better later.
static bool forgettable(uint32_t code)
{
    return code == WF_PERMISSION_DENIED || code == WF_UNAUTHENTICATED;
}

void model_answer(struct model *m, struct life *l, unsigned person, unsigned number,
                  uint64_t before, uint64_t index, const INTERNAL(Result) * r)
{
    struct model_request *q = &m->requests[person][number];
    unsigned long long seq = r->seq;

    if (index <= before)
        sim_fail(m->sim, "u%u-%u is at index %llu, but was asked when %llu was acknowledged",
                 person, number, (unsigned long long)index, (unsigned long long)before);
    // (A leader whose state was damaged may have given the answer that another node passes on.)
    if (m->sim->flips > 0 || m->index < index || forgettable(r->code))
        return;
    if (q->answered && (q->code != r->code || q->answer_seq != r->seq))
        sim_fail(m->sim, "%s answers u%u-%u with %u, event %llu; before it was %u, event %llu",
                 l->server->name, person, number, r->code, seq, q->code,
                 (unsigned long long)q->answer_seq);
    if (r->code == 0 && (q->seq == 0 || q->seq > r->seq || r->seq > m->seq))
        sim_fail(m->sim, "%s acknowledges u%u-%u as event %llu, and the record has it at %llu",
                 l->server->name, person, number, seq, (unsigned long long)q->seq);
    if (r->code != 0 && q->seq != 0)
        sim_fail(m->sim, "%s refuses u%u-%u, which is event %llu", l->server->name, person, number,
                 (unsigned long long)q->seq);
    q->answered = true;
    q->code = r->code;
    q->answer_seq = r->seq;
}

// --- incidents ---------------------------------------------------------------------------------

static struct model_incident *incident_of(struct model *m, const char *id)
{
    uint64_t n = wf_incident_number(id);

    return n > 0 && n <= m->n ? &m->incidents[n - 1] : NULL;
}

static struct model_version *newest(struct model_incident *inc)
{
    return &inc->versions[inc->n - 1];
}

static struct model_version *add_version(struct model *m, struct model_incident *inc, uint64_t seq)
{
    struct model_version v = inc->n > 0 ? *newest(inc) : (struct model_version){0};

    inc->versions = more(inc->versions, inc->n, &inc->cap, sizeof v);
    v.index = m->index;
    v.seq = seq;
    inc->versions[inc->n++] = v;
    return newest(inc);
}

static void declared(struct model *m, const V1(Event) * e)
{
    const V1(Incident) *doc = e->declared;
    struct model_version *v;

    m->incidents = more(m->incidents, m->n, &m->cap, sizeof *m->incidents);
    m->incidents[m->n++] = (struct model_incident){0};
    v = add_version(m, &m->incidents[m->n - 1], e->seq);
    v->state = (int)doc->state;
    v->epoch = doc->epoch;
    snprintf(v->commander, sizeof v->commander, "%s", doc->commander);
    if (wf_incident_number(e->incident_id) != m->n || v->state != STATE_INVESTIGATING ||
        v->epoch != 1 || v->commander[0] == '\0')
        sim_fail(m->sim, "event %llu declares %s in state %d, commanded by \"%s\", epoch %llu",
                 (unsigned long long)e->seq, e->incident_id, v->state, v->commander,
                 (unsigned long long)v->epoch);
}

static bool legal(int from, int to)
{
    switch (from) {
    case STATE_INVESTIGATING:
        return to == STATE_CONFIRMED || to == STATE_MAJOR || to == STATE_RESOLVED;
    case STATE_CONFIRMED:
        return to == STATE_MAJOR || to == STATE_RESOLVED;
    case STATE_MAJOR:
        return to == STATE_CONFIRMED || to == STATE_RESOLVED;
    case STATE_RESOLVED:
        return to == STATE_INVESTIGATING;
    default:
        return false;
    }
}

static void state_changed(struct model *m, const V1(Event) * e, struct model_incident *inc)
{
    struct model_version *v = newest(inc);
    const V1(StateChanged) *c = e->state_changed;

    if ((int)c->from != v->state || !legal((int)c->from, (int)c->to))
        sim_fail(m->sim, "event %llu takes %s from state %d, which is %d, to %d",
                 (unsigned long long)e->seq, e->incident_id, (int)c->from, v->state, (int)c->to);
    if (c->by_admin ? e->actor->role != ROLE_ADMIN : strcmp(e->actor->name, v->commander) != 0)
        sim_fail(m->sim, "event %llu: %s changes the state of %s, which %s commands",
                 (unsigned long long)e->seq, e->actor->name, e->incident_id, v->commander);
    v->state = (int)c->to;
}

// The command passes to somebody who was offered it, or takes it, and its epoch rises by one.
static void command_changed(struct model *m, const V1(Event) * e, struct model_incident *inc)
{
    struct model_version *v = newest(inc);
    const V1(RoleChanged) *c = e->role;
    const char *holder = c->role->holder;
    bool moved = strcmp(holder, v->commander) != 0;
    bool first = c->action == ACT_TAKEN && inc->n == 2; // who declared it

    if (moved != (c->action == ACT_ACCEPTED || (c->action == ACT_TAKEN && !first)) ||
        holder[0] == '\0' || c->role->epoch != v->epoch + moved)
        sim_fail(m->sim,
                 "event %llu: %s is commanded by \"%s\", epoch %llu, after \"%s\", epoch %llu",
                 (unsigned long long)e->seq, e->incident_id, holder,
                 (unsigned long long)c->role->epoch, v->commander, (unsigned long long)v->epoch);
    if (c->action == ACT_ACCEPTED && strcmp(inc->offered_to, holder) != 0)
        sim_fail(m->sim, "event %llu: %s accepts the command of %s, which was offered to \"%s\"",
                 (unsigned long long)e->seq, holder, e->incident_id, inc->offered_to);
    if (c->action == ACT_ACCEPTED && wf_timestamp_ms(e->at) >= inc->offered_until)
        sim_fail(m->sim, "event %llu: %s accepts the command of %s %lld ms after the offer lapsed",
                 (unsigned long long)e->seq, holder, e->incident_id,
                 (long long)(wf_timestamp_ms(e->at) - inc->offered_until));
    if (moved && c->action == ACT_ACCEPTED && strcmp(c->from, v->commander) != 0)
        sim_fail(m->sim, "event %llu: the command of %s comes from %s, and %s had it",
                 (unsigned long long)e->seq, e->incident_id, c->from, v->commander);
    snprintf(inc->offered_to, sizeof inc->offered_to, "%s",
             c->role->offer != NULL ? c->role->offer->to : "");
    inc->offered_until = c->role->offer != NULL ? wf_timestamp_ms(c->role->offer->expires_at) : 0;
    snprintf(v->commander, sizeof v->commander, "%s", holder);
    v->epoch = c->role->epoch;
}

// A request under an epoch that is past must not happen.
static void check_epoch(struct model *m, const V1(Event) * e, struct model_incident *inc)
{
    const struct model_request *r = request_of(m, e->request_id);

    if (r != NULL && r->seq == e->seq && r->epoch != 0 && r->epoch != newest(inc)->epoch)
        sim_fail(m->sim, "event %llu is of %s in epoch %llu; %s asked for it in epoch %llu",
                 (unsigned long long)e->seq, e->incident_id, (unsigned long long)newest(inc)->epoch,
                 e->request_id, (unsigned long long)r->epoch);
}

// --- events ------------------------------------------------------------------------------------

static void take_event(struct model *m, const V1(Event) * e)
{
    struct model_incident *inc;

    if (e->what_case == WHAT(CLUSTER))
        m->genesis = true;
    if (wf_timestamp_ms(e->at) < m->at)
        sim_fail(m->sim, "event %llu is older than the one before", (unsigned long long)e->seq);
    m->at = wf_timestamp_ms(e->at);
    note_request(m, e);
    if (e->what_case == WHAT(DECLARED)) {
        declared(m, e);
        return;
    }
    if (e->incident_id[0] == '\0')
        return;
    inc = incident_of(m, e->incident_id);
    if (inc == NULL) {
        sim_fail(m->sim, "event %llu is about %s, which nobody declared",
                 (unsigned long long)e->seq, e->incident_id);
        return;
    }
    check_epoch(m, e, inc);
    add_version(m, inc, e->seq);
    if (e->what_case == WHAT(STATE_CHANGED))
        state_changed(m, e, inc);
    else if (e->what_case == WHAT(ROLE) && e->role->role->role == IR_COMMANDER)
        command_changed(m, e, inc);
}

static bool each_event(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                       const uint8_t hash[WF_HASH_SIZE])
{
    struct model *m = ctx;
    V1(Event) * e;

    wf_hash_pair(m->head, WF_HASH_SIZE, canonical, len, m->head);
    if (seq != m->seq + 1 || memcmp(m->head, hash, WF_HASH_SIZE) != 0) {
        sim_fail(m->sim, "the chain of events does not hold at %llu", (unsigned long long)seq);
        return false;
    }
    m->seq = seq;
    e = watchfire__v1__event__unpack(NULL, len, canonical);
    if (e == NULL || e->seq != seq)
        sim_fail(m->sim, "event %llu cannot be read", (unsigned long long)seq);
    else
        take_event(m, e);
    if (e != NULL)
        watchfire__v1__event__free_unpacked(e, NULL);
    return true;
}

void model_take(struct model *m, struct life *l)
{
    uint64_t applied = wf_state_applied(l->state);
    struct wf_err err;

    if (applied <= m->index)
        return;
    if (applied > m->index + 1)
        m->gap = applied;
    m->index = applied;
    if (wf_state_last_seq(l->state) == m->seq)
        return;
    if (sim_state_reader(l) == NULL)
        return;
    if (wf_state_events(l->reader, "", m->seq, UINT32_MAX, each_event, m, &err) != WF_OK)
        sim_fail(m->sim, "%s: the events cannot be read: %s", l->server->name, err.msg);
    else if (m->seq != wf_state_last_seq(l->state))
        sim_fail(m->sim, "%s: its events end at %llu, and it speaks of %llu", l->server->name,
                 (unsigned long long)m->seq, (unsigned long long)wf_state_last_seq(l->state));
}

// --- answers to reads --------------------------------------------------------------------------

bool model_declared(struct model *m, const char *id, uint64_t index)
{
    const struct model_incident *known = incident_of(m, id);

    return known != NULL && known->n > 0 && known->versions[0].index <= index;
}

void model_shown(struct model *m, struct life *l, uint64_t index, const V1(Incident) * inc)
{
    struct model_incident *known = incident_of(m, inc->id);
    const struct model_version *v = NULL;

    if (l->tainted || index > m->index || index <= m->gap)
        return;
    for (unsigned i = known != NULL ? known->n : 0; i > 0 && v == NULL; i--) {
        if (known->versions[i - 1].index <= index)
            v = &known->versions[i - 1];
    }
    if (v == NULL)
        sim_fail(m->sim, "%s shows %s as of %llu, when it was not declared yet", l->server->name,
                 inc->id, (unsigned long long)index);
    else if (v->seq != inc->last_seq || v->state != (int)inc->state || v->epoch != inc->epoch ||
             strcmp(v->commander, inc->commander) != 0)
        sim_fail(m->sim,
                 "%s shows %s as of %llu in state %d, commanded by %s (%llu), up to event %llu; it "
                 "was %d, %s (%llu), %llu",
                 l->server->name, inc->id, (unsigned long long)index, (int)inc->state,
                 inc->commander, (unsigned long long)inc->epoch, (unsigned long long)inc->last_seq,
                 v->state, v->commander, (unsigned long long)v->epoch, (unsigned long long)v->seq);
}
