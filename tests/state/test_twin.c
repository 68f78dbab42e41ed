// SPDX-License-Identifier: Apache-2.0
// Two state machines in two processes are given the same random commands and must agree at every
// index: digest, results, events. The second lives harder: its state is closed and reopened, or
// replaced by its own image at every index.
#include "check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "generate.h"
#include "state/messages.h"

enum { LINE = 2 * (4 * WF_HASH_SIZE) + 64 };

struct machine {
    struct wf_state *s;
    char dir[40]; // "" in memory
    wf_unix_ms now;
};

static void must(int rc, const struct wf_err *err)
{
    if (rc == WF_OK)
        return;
    fprintf(stderr, "test_twin: %s\n", err->msg);
    exit(3);
}

static void open_machine(struct machine *m, bool in_dir)
{
    struct wf_err err;

    memset(m, 0, sizeof *m);
    m->now = 1341026280000;
    strcpy(m->dir, in_dir ? "/tmp/watchfire-twin-XXXXXX" : "");
    if (in_dir && mkdtemp(m->dir) == NULL)
        exit(3);
    must(wf_state_open(&m->s, in_dir ? m->dir : NULL, &err), &err);
}

static void close_machine(struct machine *m)
{
    char command[64];

    wf_state_close(m->s);
    snprintf(command, sizeof command, "rm -rf '%s'", m->dir);
    if (m->dir[0] != '\0' && system(command) != 0)
        exit(3);
}

// One batch, and a line that says what the machine has come to.
static void step(struct machine *m, const struct generated *batch, char line[LINE])
{
    struct wf_state_bytes results[GENERATE_BATCH_MAX];
    struct wf_err err = {0};
    uint8_t digest[WF_HASH_SIZE], seen[WF_HASH_SIZE];
    struct wf_hash h;
    char a[WF_HASH_HEX_SIZE], b[WF_HASH_HEX_SIZE];

    m->now += batch->later_s * 1000;
    int rc = wf_state_apply(m->s, wf_state_applied(m->s) + 1, 1, m->now, batch->commands, batch->n,
                            results, &err);
    if (rc != WF_OK && strcmp(err.reason, "COMMAND_NEWER") != 0)
        must(rc, &err);
    wf_hash_init(&h);
    for (unsigned i = 0; rc == WF_OK && i < batch->n; i++)
        wf_hash_update(&h, results[i].data, results[i].len);
    wf_hash_final(&h, seen);
    wf_state_digest(m->s, digest);
    snprintf(line, LINE, "%llu %d %llu %lld %s %s\n", (unsigned long long)wf_state_applied(m->s),
             rc, (unsigned long long)wf_state_last_seq(m->s), (long long)wf_state_next_due(m->s),
             wf_hex(digest, WF_HASH_SIZE, a), wf_hex(seen, WF_HASH_SIZE, b));
}

// Put an image of the machine into a new one, which takes its place.
static void replace(struct machine *m)
{
    struct machine next;
    struct wf_state_image *image;
    struct wf_err err;
    char path[64];
    uint8_t hash[WF_HASH_SIZE];
    uint64_t size;

    open_machine(&next, true);
    snprintf(path, sizeof path, "%s/image", next.dir);
    must(wf_state_image_begin(m->s, &image, &err), &err);
    must(wf_state_image_write(image, path, &size, hash, &err), &err);
    wf_state_image_end(image);
    must(wf_state_install(next.s, path, &err), &err);
    next.now = m->now;
    close_machine(m);
    *m = next;
}

static void reopen(struct machine *m)
{
    struct wf_err err;

    wf_state_close(m->s);
    must(wf_state_open(&m->s, m->dir, &err), &err);
}

// The hash over the whole event log, as read.
static bool hash_event(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                       const uint8_t hash[WF_HASH_SIZE])
{
    wf_hash_u64(ctx, seq);
    wf_hash_update(ctx, canonical, len);
    wf_hash_update(ctx, hash, WF_HASH_SIZE);
    return true;
}

static void log_line(struct machine *m, char line[LINE])
{
    struct wf_state_reader *r;
    struct wf_err err;
    struct wf_hash h;
    uint8_t all[WF_HASH_SIZE], head[WF_HASH_SIZE];
    uint64_t events, broken;
    char hex[WF_HASH_HEX_SIZE];

    must(wf_state_reader_open(&r, m->s, &err), &err);
    wf_hash_init(&h);
    must(wf_state_events(r, "", 0, 1000000, hash_event, &h, &err), &err);
    wf_hash_final(&h, all);
    must(wf_state_verify(r, &events, &broken, head, &err), &err);
    wf_state_reader_close(r);
    snprintf(line, LINE, "log %llu %llu %s\n", (unsigned long long)events,
             (unsigned long long)broken, wf_hex(all, WF_HASH_SIZE, hex));
}

// --- the other process --------------------------------------------------------------------------

static int live(uint64_t seed, int batches, const char *how)
{
    struct generator g;
    struct generated batch;
    struct machine m;
    char line[LINE];
    uint64_t own = seed; // its own luck, apart from the commands'

    generate_begin(&g, seed);
    open_machine(&m, true);
    for (int i = 0; i < batches; i++) {
        generate_batch(&g, &batch);
        step(&m, &batch, line);
        fputs(line, stdout);
        own = own * 6364136223846793005u + 1442695040888963407u;
        if (strcmp(how, "image") == 0)
            replace(&m);
        else if (strcmp(how, "reopen") == 0 && (own >> 60) < 3)
            reopen(&m);
    }
    log_line(&m, line);
    fputs(line, stdout);
    close_machine(&m);
    generate_end(&g);
    return fflush(stdout) == 0 ? 0 : 3;
}

// --- one commander ------------------------------------------------------------------------------

struct commanders {
    struct {
        char name[64];
        uint64_t epoch;
    } of[64]; // by incident
    uint64_t changes;
};

static bool follow(void *ctx, uint64_t seq, const uint8_t *canonical, size_t len,
                   const uint8_t hash[WF_HASH_SIZE])
{
    struct commanders *c = ctx;
    V1(Event) *e = watchfire__v1__event__unpack(NULL, len, canonical);

    (void)hash;
    assert_non_null(e);
    assert_int_equal(e->seq, seq);
    if (e->what_case == WHAT(ROLE) && e->role->role->role == IR_COMMANDER) {
        const V1(RoleAssignment) *r = e->role->role;
        int incident = atoi(e->incident_id + 4) % 64;
        assert_string_not_equal(r->holder, ""); // never vacant
        if (e->role->action == ACT_TAKEN || e->role->action == ACT_ACCEPTED) {
            assert_string_equal(e->role->from, c->of[incident].name); // from who had it
            assert_int_equal(r->epoch, c->of[incident].epoch + 1);
            snprintf(c->of[incident].name, sizeof c->of[incident].name, "%s", r->holder);
            c->of[incident].epoch = r->epoch;
            c->changes++;
        } else {
            assert_string_equal(r->holder, c->of[incident].name); // nothing else changes hands
            assert_int_equal(r->epoch, c->of[incident].epoch);
        }
    }
    watchfire__v1__event__free_unpacked(e, NULL);
    return true;
}

static void check_commanders(struct machine *m)
{
    static struct commanders c;
    struct wf_state_reader *r;
    struct wf_err err;

    memset(&c, 0, sizeof c);
    must(wf_state_reader_open(&r, m->s, &err), &err);
    must(wf_state_events(r, "", 0, 1000000, follow, &c, &err), &err);
    wf_state_reader_close(r);
    assert_true(c.changes > 0);
}

// --- this process -------------------------------------------------------------------------------

static const char *self;

static FILE *start(uint64_t seed, int batches, const char *how, pid_t *pid)
{
    char a[24], b[16];
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    snprintf(a, sizeof a, "%llu", (unsigned long long)seed);
    snprintf(b, sizeof b, "%d", batches);
    *pid = fork();
    assert_true(*pid >= 0);
    if (*pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        execl(self, self, "live", a, b, how, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    return fdopen(fds[0], "r");
}

static void agree(uint64_t seed, int batches, const char *how)
{
    struct generator g;
    struct generated batch;
    struct machine m;
    char line[LINE], other[LINE] = "";
    int ended;
    pid_t pid;
    FILE *from = start(seed, batches, how, &pid);

    generate_begin(&g, seed);
    open_machine(&m, false);
    for (int i = 0; i <= batches; i++) {
        if (i < batches) {
            generate_batch(&g, &batch);
            step(&m, &batch, line);
        } else {
            log_line(&m, line);
        }
        if (fgets(other, sizeof other, from) == NULL || strcmp(line, other) != 0)
            fail_msg("seed %llu, %s, batch %d:\n%s%s", (unsigned long long)seed, how, i, line,
                     other);
    }
    check_commanders(&m);
    fclose(from);
    assert_int_equal(waitpid(pid, &ended, 0), pid);
    assert_int_equal(ended, 0);
    close_machine(&m);
    generate_end(&g);
}

static void in_another_process(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++)
        agree(seed, 400, "plain");
}

static void closed_and_reopened(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 13; seed++)
        agree(seed, 200, "reopen");
}

static void replaced_by_its_image_at_every_index(void **state)
{
    (void)state;
    agree(21, 120, "image");
    agree(22, 120, "image");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_another_process),
        cmocka_unit_test(closed_and_reopened),
        cmocka_unit_test(replaced_by_its_image_at_every_index),
    };

    if (argc == 5 && strcmp(argv[1], "live") == 0)
        return live(strtoull(argv[2], NULL, 10), atoi(argv[3]), argv[4]);
    self = argv[0];
    if (argc == 3) { // test_twin SEED BATCHES: one long run
        agree(strtoull(argv[1], NULL, 10), atoi(argv[2]), "plain");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
