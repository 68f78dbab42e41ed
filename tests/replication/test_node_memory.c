// SPDX-License-Identifier: Apache-2.0
// Memory runs out for a running cluster, once, at every single allocation of ours and of libraft's
// that what is done meanwhile makes. A node may refuse what it is asked, and it may end with a line
// that says why, as the daemon does; then it is started again. What was acknowledged is there.
//
// The linker sends what our objects allocate to the functions below (CMakeLists.txt).
#include "check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/memory.h"
#include "store_fixture.h"
#include "trio.h"

// --- memory that runs out ------------------------------------------------------------------------

static atomic_long left; // allocations until one is refused; 0: none will be

static bool refused(void)
{
    return atomic_load(&left) > 0 && atomic_fetch_sub(&left, 1) == 1;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return refused() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refused() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return refused() ? NULL : __real_realloc(p, n);
}

// --- what outlives the process that dies of it ---------------------------------------------------

struct shared {
    uint64_t next; // number of the next command
    uint8_t acked[LIST_SEEN / 8];
    long at;         // the allocation that is refused
    unsigned missed; // times in a row that there were not so many
    unsigned rounds, refusals, ends;
};

static struct shared *shared;

enum { NEVER_REACHED = 2, STUCK_EXIT = 3, LOST_EXIT = 4 };

// --- in the child --------------------------------------------------------------------------------

static void end(const struct wf_err *why)
{
    fprintf(stderr, "cannot go on: %s\n", why->msg);
    _exit(WF_OUT_OF_MEMORY_EXIT);
}

static void stuck(void)
{
    fprintf(stderr, "stuck\n");
    _exit(STUCK_EXIT);
}

static void on_answered(void *ctx, const struct wf_err *err, uint64_t index, struct wf_bytes result)
{
    struct trio *c = ctx;
    uint64_t number;
    c->waiting--;
    if (err) {
        shared->refusals++;
        return;
    }
    if (index > c->highest)
        c->highest = index;
    memcpy(&number, result.data, sizeof number);
    shared->acked[number / 8] |= (uint8_t)(1 << number % 8);
}

static void write_one(struct trio *c, unsigned i)
{
    uint8_t command[100] = {0};
    uint64_t number = shared->next++;
    WF_ASSERT(number < LIST_SEEN);
    memcpy(command, &number, sizeof number);
    c->waiting++;
    if (wf_node_propose(c->s[i].node, (struct wf_bytes){command, sizeof command}, on_answered, c) !=
        WF_OK)
        on_answered(c, &(struct wf_err){.code = WF_RESOURCE_EXHAUSTED}, 0, (struct wf_bytes){0});
}

static void on_index(void *ctx, const struct wf_err *err, uint64_t index)
{
    struct trio *c = ctx;
    c->waiting--;
    shared->refusals += err != NULL;
    (void)index;
}

static void read_one(struct trio *c, unsigned i)
{
    c->waiting++;
    if (wf_node_read(c->s[i].node, on_index, c) != WF_OK)
        on_index(c, &(struct wf_err){.code = WF_RESOURCE_EXHAUSTED}, 0);
}

static void on_done(void *ctx, const struct wf_err *err)
{
    struct trio *c = ctx;
    c->waiting--;
    shared->refusals += err != NULL;
}

// What a change was asked with: rc is what asking returned.
static void asked(struct trio *c, int rc)
{
    c->waiting++;
    if (rc != WF_OK)
        on_done(c, &(struct wf_err){.code = WF_RESOURCE_EXHAUSTED});
}

static void await(struct trio *c)
{
    trio_deadline(c);
    while (c->waiting > 0)
        trio_turn(c);
}

static bool even(struct trio *c)
{
    for (unsigned i = 0; i < TRIO; i++)
        if (c->s[i].fsm.now.applied != c->s[0].fsm.now.applied)
            return false;
    return c->s[0].fsm.now.applied >= c->highest;
}

// All is well again, and nothing is lost.
static unsigned settle(struct trio *c)
{
    trio_deadline(c);
    for (uint64_t had = c->highest; c->highest == had || !even(c);) {
        int l = trio_leader(c);
        if (c->highest == had && l >= 0) {
            write_one(c, (unsigned)l);
            await(c);
        } else {
            trio_turn(c);
        }
    }
    for (unsigned i = 0; i < TRIO; i++)
        for (unsigned k = 0; k < LIST_SEEN / 8; k++)
            if (shared->acked[k] & ~c->s[i].fsm.now.seen[k]) {
                fprintf(stderr, "an acknowledged command near %u is lost\n", k * 8);
                _exit(LOST_EXIT);
            }
    return trio_await_leader(c);
}

// --- what is done meanwhile ----------------------------------------------------------------------

static void reads_and_writes(struct trio *c, unsigned l)
{
    (void)l;
    for (unsigned i = 0; i < TRIO; i++) {
        write_one(c, i);
        read_one(c, i);
    }
    await(c);
}

static void an_image(struct trio *c, unsigned l)
{
    asked(c, wf_node_image(c->s[l].node, on_done, c));
    write_one(c, l); // it is begun when something is applied
    await(c);
}

static void a_transfer(struct trio *c, unsigned l)
{
    asked(c, wf_node_transfer(c->s[l].node, "", on_done, c));
    write_one(c, l);
    await(c);
}

static void a_change_of_members(struct trio *c, unsigned l)
{
    asked(c, wf_node_add(c->s[l].node, "new-1", "new", "127.0.0.1:1", on_done, c));
    await(c);
    asked(c, wf_node_remove(c->s[l].node, "new-1", on_done, c));
    await(c);
}

static void a_start_behind_an_image(struct trio *c, unsigned l)
{
    struct wf_err err = {0};
    unsigned away = (l + 1) % TRIO;
    if (trio_try(c, away, &err) != WF_OK)
        end(&err);
    trio_deadline(c);
    while (c->s[away].fsm.now.applied < c->highest)
        trio_turn(c);
}

// One is behind more log than the others keep.
static void leave_one_behind(struct trio *c, unsigned l)
{
    struct wf_node_status status;
    trio_stop(c, (l + 1) % TRIO);
    uint64_t was = c->highest;
    do {
        write_one(c, l);
        await(c);
        wf_node_status(c->s[l].node, &status);
    } while (status.first_index <= was + 1);
}

struct task {
    const char *name;
    void (*before)(struct trio *c, unsigned l); // with memory
    void (*run)(struct trio *c, unsigned l);
    uint64_t image_every_bytes;
    unsigned first, step; // the allocations that are refused; 0: all
};

static unsigned max(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static void child(struct trio *c, const struct task *task)
{
    wf_log_setup(WF_LOG_ERROR, WF_LOG_LOGFMT, "");
    c->fatal = end;
    c->late_at = stuck;
    c->opts.election_timeout_ms = 50;
    c->opts.heartbeat_timeout_ms = 5;
    c->opts.image_every_bytes = task->image_every_bytes;
    c->opts.log_trailing_bytes = 500;
    trio_open_loop(c);
    for (unsigned i = 0; i < TRIO; i++)
        trio_start(c, i);
    unsigned l = settle(c);
    while (shared->missed < NEVER_REACHED) {
        if (task->before)
            task->before(c, l);
        shared->rounds++;
        shared->at += shared->at == 0 ? max(task->first, 1) : max(task->step, 1);
        atomic_store(&left, shared->at);
        task->run(c, l);
        shared->missed = atomic_exchange(&left, 0) > 0 ? shared->missed + 1 : 0;
        l = settle(c);
    }
    _exit(0);
}

// --- in the parent -------------------------------------------------------------------------------

static void make(struct trio *c)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    WF_ASSERT(shared != MAP_FAILED);
    trio_open_loop(c);
    trio_found(c);
    for (unsigned i = 0; i < TRIO; i++)
        tcp_unlisten(&c->s[i].host);
    trio_close_loop(c);
}

// Run it in a process of its own; returns its status, and what it said.
static int run(struct trio *c, const struct task *task, char *said, size_t size)
{
    FILE *out = tmpfile();
    int status = 0;
    pid_t pid = out ? fork() : -1;
    WF_ASSERT(pid >= 0);
    if (pid == 0) {
        dup2(fileno(out), STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        signal(SIGSEGV, SIG_DFL);
        child(c, task);
    }
    WF_ASSERT(waitpid(pid, &status, 0) == pid);
    rewind(out);
    said[fread(said, 1, size - 1, out)] = '\0';
    fclose(out);
    return status;
}

// In a process of its own, too: the tasks wait more than they do, and wait side by side.
static void survive(const struct task *task)
{
    static char said[16384];
    struct trio c = {0};
    make(&c);
    for (;;) {
        int status = run(&c, task, said, sizeof said);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            break;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != WF_OUT_OF_MEMORY_EXIT ||
            strstr(said, "out of memory") == NULL) {
            fprintf(stderr, "%s: allocation %ld refused, status %x: %s\n", task->name, shared->at,
                    (unsigned)status, said);
            _exit(1);
        }
        shared->ends++;
    }
    printf("%s: %u times, %u refusals, %u ends\n", task->name, shared->rounds, shared->refusals,
           shared->ends);
    trio_remove(&c);
    fflush(stdout);
    _exit(shared->rounds > 10 && shared->ends < shared->rounds ? 0 : 1);
}

#define TASK(f, ...)                                                                               \
    {                                                                                              \
        .name = #f, .run = f, __VA_ARGS__                                                          \
    }

// The longest, in four parts.
#define START_BEHIND(n)                                                                            \
    TASK(a_start_behind_an_image, .before = leave_one_behind, .image_every_bytes = 1000,           \
         .first = n, .step = 4)

static void memory_runs_out_at_every_allocation(void **state)
{
    static const struct task tasks[] = {
        TASK(reads_and_writes, .image_every_bytes = 1 << 30),
        TASK(an_image, .image_every_bytes = 1 << 30),
        TASK(a_transfer, .image_every_bytes = 1 << 30),
        TASK(a_change_of_members, .image_every_bytes = 1 << 30),
        START_BEHIND(1),
        START_BEHIND(2),
        START_BEHIND(3),
        START_BEHIND(4),
    };
    enum { N = sizeof tasks / sizeof *tasks };
    pid_t pids[N];
    int status, failed = 0;
    (void)state;
    fflush(stdout);
    for (unsigned i = 0; i < N; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            survive(&tasks[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        failed += status != 0;
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_runs_out_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
