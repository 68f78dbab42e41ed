// SPDX-License-Identifier: Apache-2.0
// What applying a note costs: batches of AddNote commands, as the log delivers them, into a state
// in a directory of its own. Usage: bench_apply [commands [per batch [bytes of text]]]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "state/messages.h"
#include "state/state.h"

enum { BATCH_MAX = 2048 };

static void must(int rc, const struct wf_err *err)
{
    if (rc == WF_OK)
        return;
    fprintf(stderr, "bench_apply: %s\n", err->msg);
    exit(1);
}

static struct wf_state_bytes pack(V1(Actor) * actor, int request_case, void *request)
{
    INTERNAL(Command) c = WATCHFIRE__INTERNAL__V1__COMMAND__INIT;
    uint8_t print[WF_HASH_SIZE] = {0};

    c.actor = actor;
    c.request_id = (char *)"0190f2c4-7f3c-7b5e-9a51-8f6f6a0b7d11";
    c.request_id_assigned = true;
    c.fingerprint.data = print;
    c.fingerprint.len = sizeof print;
    c.request_case = (INTERNAL(Command__RequestCase))request_case;
    c.add_note = request;
    uint8_t *bytes = malloc(protobuf_c_message_get_packed_size(&c.base));
    if (bytes == NULL)
        exit(1);
    return (struct wf_state_bytes){bytes, protobuf_c_message_pack(&c.base, bytes)};
}

static void begin_incident(struct wf_state *s, V1(Actor) * sam)
{
    V1(Actor) node = WATCHFIRE__V1__ACTOR__INIT;
    V1(User) u = WATCHFIRE__V1__USER__INIT, *users = &u;
    INTERNAL(GenesisCommand) g = WATCHFIRE__INTERNAL__V1__GENESIS_COMMAND__INIT;
    V1(DeclareIncidentRequest) d = WATCHFIRE__V1__DECLARE_INCIDENT_REQUEST__INIT;
    uint8_t id[16] = {1};
    struct wf_state_bytes commands[2], results[2];
    struct wf_err err;

    node.name = (char *)"fra-1";
    node.kind = KIND_NODE;
    u.name = sam->name;
    u.kind = KIND_USER;
    u.role = ROLE_ADMIN;
    g.cluster_id.data = id;
    g.cluster_id.len = sizeof id;
    g.cluster_name = (char *)"bench";
    g.users = &users;
    g.n_users = 1;
    d.title = (char *)"Widespread Application Outage";
    commands[0] = pack(&node, REQUEST(GENESIS), &g);
    commands[1] = pack(sam, REQUEST(DECLARE_INCIDENT), &d);
    must(wf_state_apply(s, 1, 1, 1341026280000, commands, 2, results, &err), &err);
    free((void *)commands[0].data);
    free((void *)commands[1].data);
}

// Of this thread: what a busy machine does not blur.
static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double run(struct wf_state *s, struct wf_state_bytes note, unsigned total, unsigned batch)
{
    static struct wf_state_bytes commands[BATCH_MAX], results[BATCH_MAX];
    struct wf_err err;
    wf_mono_ns from = wf_clock_mono_ns();

    for (unsigned i = 0; i < batch; i++)
        commands[i] = note;
    for (unsigned done = 0; done < total; done += batch)
        must(wf_state_apply(s, wf_state_applied(s) + 1, 1, 1341026280000 + done, commands, batch,
                            results, &err),
             &err);
    return (double)(wf_clock_mono_ns() - from) / 1e3;
}

int main(int argc, char **argv)
{
    unsigned total = argc > 1 ? (unsigned)atoi(argv[1]) : 200000;
    unsigned batch = argc > 2 ? (unsigned)atoi(argv[2]) : 512;
    size_t bytes = argc > 3 ? (size_t)atoi(argv[3]) : 256;
    V1(Actor) sam = WATCHFIRE__V1__ACTOR__INIT;
    V1(AddNoteRequest) r = WATCHFIRE__V1__ADD_NOTE_REQUEST__INIT;
    char dir[] = "/tmp/watchfire-bench-XXXXXX", text[8193], command[64];
    struct wf_state *s;
    struct wf_err err;

    if (batch == 0 || batch > BATCH_MAX || bytes == 0 || bytes >= sizeof text ||
        mkdtemp(dir) == NULL)
        return 2;
    memset(text, 'x', bytes);
    text[bytes] = '\0';
    sam.name = (char *)"sam";
    sam.kind = KIND_USER;
    sam.role = ROLE_ADMIN;
    r.incident_id = (char *)"INC-1";
    r.text = text;
    must(wf_state_open(&s, dir, &err), &err);
    begin_incident(s, &sam);
    struct wf_state_bytes note = pack(&sam, REQUEST(ADD_NOTE), &r);
    run(s, note, total / 10 + batch, batch); // warm
    uint64_t warm = wf_state_last_seq(s);
    double cpu = cpu_us(), us = run(s, note, total, batch);
    uint64_t events = wf_state_last_seq(s) - warm;
    cpu = cpu_us() - cpu;
    printf("apply: commands=%llu batch=%u bytes=%zu us_per_command=%.2f cpu_us_per_command=%.2f\n",
           (unsigned long long)events, batch, bytes, us / (double)events, cpu / (double)events);
    free((void *)note.data);
    wf_state_close(s);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return events >= total && system(command) == 0 ? 0 : 1;
}
