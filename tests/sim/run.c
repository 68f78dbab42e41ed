// SPDX-License-Identifier: Apache-2.0
// One run: a profile drawn from the seed, 30 simulated seconds of faults, 10 of peace.
//
// The ranges are those of TigerBeetle's VOPR: loss to 30 %, repetition to 50 %, delays with a mean
// of up to 100 ms, clogs to 5 s, lines that hold 2 to 20 messages.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "model.h"
#include "replication/configuration.h"
#include "sim.h"
#include "state/schema.h"

enum { STEPS_MAX = 3000000 };

// --- random numbers (xoshiro256**, seeded by splitmix64; Blackman and Vigna, public domain)
// --------

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t next(uint64_t *r)
{
    uint64_t result = rotl(r[1] * 5, 7) * 9, t = r[1] << 17;

    r[2] ^= r[0];
    r[3] ^= r[1];
    r[1] ^= r[2];
    r[0] ^= r[3];
    r[2] ^= t;
    r[3] = rotl(r[3], 45);
    return result;
}

static void seed_rng(uint64_t *r, uint64_t x)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t z = (x += 0x9e3779b97f4a7c15u);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        r[i] = z ^ (z >> 31);
    }
}

static uint64_t draw(uint64_t *r, uint64_t min, uint64_t max)
{
    uint64_t span = max - min + 1;

    return span == 0 ? next(r) : min + next(r) % span;
}

uint64_t sim_random(struct sim *s, uint64_t min, uint64_t max)
{
    return draw(s->rng, min, max);
}

uint64_t sim_aside(struct sim *s, uint64_t min, uint64_t max)
{
    return draw(s->aside, min, max);
}

bool sim_chance(struct sim *s, unsigned per_mille)
{
    return per_mille != 0 && sim_random(s, 0, 999) < per_mille;
}

// --- telling -----------------------------------------------------------------------------------

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    if (s->failure[0] != '\0')
        return; // the first one counts
    n = snprintf(s->failure, sizeof s->failure, "at %.3f s: ", (double)s->now / 1e9);
    va_start(ap, fmt);
    vsnprintf(s->failure + n, sizeof s->failure - (size_t)n, fmt, ap);
    va_end(ap);
}

void sim_trace(struct sim *s, const char *fmt, ...)
{
    char line[300];
    va_list ap;

    if (!s->opts.trace)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (const char *p = line; *p != '\0'; p++)
        s->trace_hash = (s->trace_hash ^ (uint8_t)*p) * 0x100000001b3u;
    printf("%10.6f %s\n", (double)s->now / 1e9, line);
}

// --- the run -----------------------------------------------------------------------------------

static void draw_lines(struct sim *s)
{
    struct profile *p = &s->profile;

    p->loss_pm = (unsigned)sim_random(s, 0, 300);
    p->dup_pm = (unsigned)sim_random(s, 0, 500);
    p->reorder_pm = (unsigned)sim_random(s, 0, 300);
    p->jitter = sim_random(s, MS(20), MS(400));
    p->capacity = sim_chance(s, 150) ? (unsigned)sim_random(s, 2, 20) : 0;
    s->delay_min = 100000;
    s->delay_max = MS(2);
    for (unsigned i = 0; i < SERVERS_MAX; i++) {
        for (unsigned j = 0; j < i; j++)
            s->pair_delay[i][j] = s->pair_delay[j][i] = p->wan ? sim_random(s, MS(5), MS(110)) : 0;
    }
}

static void draw_profile(struct sim *s)
{
    struct profile *p = &s->profile;

    p->servers = sim_chance(s, 600) ? 3 : 5;
    p->wan = sim_chance(s, 300);
    p->images = sim_chance(s, 600);
    p->membership = sim_chance(s, 500);
    p->transfers = sim_chance(s, 500);
    p->stalls = sim_chance(s, 500);
    p->disk_errors = sim_chance(s, 300);
    p->corrupt = p->images && sim_chance(s, 200);
    p->damage = sim_chance(s, 200);
    p->clocks = sim_chance(s, 400);
    p->pauses = sim_chance(s, 400);
    p->clogs = sim_chance(s, 300);
    p->core_only = !p->membership && !p->corrupt && sim_chance(s, 400);
    p->upgrade = sim_chance(s, 300);
    p->schema = WF_SCHEMA_VERSION - (p->upgrade || sim_chance(s, 300));
    p->grow = p->membership && sim_chance(s, 150);
    p->election_ms = p->wan ? 1000 : (unsigned)sim_random(s, 3, 6) * 100;
    p->heartbeat_ms = p->wan ? 100 : (unsigned)sim_random(s, 4, 8) * 10;
    p->clients = (unsigned)sim_random(s, 3, 10);
    p->think_ms = (unsigned)sim_random(s, 200, 1200);
    if (s->opts.dense)
        p->wan = true;
    p->dense = p->wan && (sim_chance(s, 300) || s->opts.dense);
    if (p->dense) { // several writes in every round trip
        p->clients = 16;
        p->think_ms = (unsigned)sim_random(s, 40, 120);
    }
    p->harsh = !s->opts.dense && (sim_chance(s, 150) || s->opts.harsh);
    if (p->harsh) { // everything at once, and again before it has settled
        p->wan = false;
        p->election_ms = 150;
        p->heartbeat_ms = 30;
        p->transfers = p->stalls = true;
        p->clients = (unsigned)sim_random(s, 4, 10);
        p->think_ms = (unsigned)sim_random(s, 80, 300);
    }
    p->shortage = sim_aside(s, 0, 99) < 15;
    draw_lines(s);
}

static void bootstrap(struct sim *s)
{
    struct wf_member members[8] = {0};
    struct wf_bytes configuration;
    struct wf_err err;
    unsigned n = s->profile.grow ? 1 : s->profile.servers;

    for (unsigned i = 0; i < n; i++) {
        members[i].id = i + 1;
        members[i].role = WF_VOTER;
        snprintf(members[i].name, sizeof members[i].name, "n%u", i + 1);
        snprintf(members[i].region, sizeof members[i].region, "r%u", i % 3);
        snprintf(members[i].address, sizeof members[i].address, "h%u:1", i + 1);
    }
    if (wf_configuration_encode(members, n, &configuration, &err) != WF_OK)
        abort();
    for (unsigned i = 0; i < n; i++)
        sim_disk_bootstrap(sim_server_new(s, members[i].id, members[i].name), configuration);
    for (unsigned i = 0; i < n; i++)
        sim_server_start(&s->servers[i]);
    raft_free((void *)configuration.data);
}

static void heal(struct sim *s, struct event *e)
{
    (void)e;
    sim_heal(s);
}

// What the leader has then is what everybody has at the end. When votes are still being split, the
// end waits for them, within reason.
static void settled(struct sim *s, struct event *e)
{
    struct life *l = sim_leader(s);

    (void)e;
    s->settled_index = l != NULL ? sim_state_applied(l) : UINT64_MAX;
    if ((l != NULL && s->now >= s->led_at + MS(1000)) || s->now >= MS(2 * RUN_MS - FAULTS_MS))
        return;
    s->end += MS(1000);
    sim_at(s, s->now + MS(1000), settled, NULL);
}

static void finish(struct sim *s)
{
    for (unsigned i = 0; i < s->n_servers; i++)
        sim_server_crash(&s->servers[i]);
    for (uint64_t end = s->steps + 100000; s->lives_open > 0 && s->steps < end && sim_step(s);)
        continue;
    if (s->lives_open > 0)
        sim_fail(s, "%u nodes do not stop", s->lives_open);
    sim_events_free(s);
    sim_clients_free(s);
    for (unsigned i = 0; i < s->n_servers; i++)
        sim_disk_free(&s->servers[i]);
    while (s->lives != NULL) {
        struct life *l = s->lives;

        s->lives = l->next;
        sim_disk_forget(l);
        free(l);
    }
    free(s->digest_at);
    free(s->tainted_at);
    free(s->leader_of);
    model_free(s->model);
}

static void reset(struct sim *s, uint64_t seed, const struct options *opts)
{
    struct sim kept = {.metrics = s->metrics, .templates = {s->templates[0], s->templates[1]}};

    memcpy(s, &kept, sizeof *s);
    s->opts = *opts;
    s->seed = seed;
    s->model = model_new(s);
    s->digest_at = calloc(SIM_INDEX_MAX, sizeof *s->digest_at);
    s->leader_of = calloc(SIM_TERMS_MAX, sizeof *s->leader_of);
    s->tainted_at = calloc(SIM_INDEX_MAX, sizeof *s->tainted_at);
    if (s->digest_at == NULL || s->tainted_at == NULL || s->leader_of == NULL)
        abort();
    seed_rng(s->rng, s->seed);
    seed_rng(s->aside, ~s->seed);
    sqlite3_randomness(0, NULL); // SQLite draws from ours again, from the beginning
}

int sim_run(uint64_t seed, const struct options *opts, struct sim *s)
{
    reset(s, seed, opts);
    draw_profile(s);
    bootstrap(s);
    sim_faults_start(s);
    sim_shortage_start(s);
    sim_clients_start(s);
    sim_witness_start(s);
    if (s->profile.membership)
        sim_operator_start(s);
    sim_at(s, MS(FAULTS_MS), heal, NULL);
    sim_at(s, MS(SETTLED_MS), settled, NULL);
    s->end = MS(RUN_MS);
    while (s->now < s->end && s->failure[0] == '\0' && sim_step(s)) {
        if (s->steps > STEPS_MAX)
            sim_fail(s, "more than %d events", STEPS_MAX);
        if (s->heap_n > 200000)
            sim_fail(s, "more than 200000 events wait");
    }
    sim_check_end(s);
    finish(s);
    return s->failure[0] != '\0';
}
