// SPDX-License-Identifier: Apache-2.0
// sim: run many seeds in worker processes, so that a crash inside libraft is a failure like
// another, or one seed with its trace.
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "replication/guard.h"
#include "sim.h"

enum { JOBS_MAX = 64, SEED_WALL_S = 120, SHOWN_MAX = 20 };

struct slot {
    pid_t pid;
    _Atomic uint64_t seed;
    _Atomic int64_t since; // monotonic seconds; 0: idle
};

// Shared by the parent and its workers.
struct board {
    _Atomic bool enough; // the time is over
    _Atomic uint64_t next, done, failures;
    _Atomic uint64_t writes, reads, changes, crashes, images, installs, steps;
    struct slot slots[JOBS_MAX];
};

struct arguments {
    struct options run;
    uint64_t first, seeds;
    unsigned seconds; // of wall time; 0: as long as the seeds take
    unsigned jobs;
    bool quiet;
    const char *without;
};

static struct board *board;
static struct sim sim; // one run at a time per process

static int64_t now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + 1;
}

// --- arguments ---------------------------------------------------------------------------------

static const char *const guard_names[] = {
#define GUARD_NAME(name, what) #name,
    WF_GUARDS(GUARD_NAME)
#undef GUARD_NAME
};

static int guard_bit(const char *name)
{
    for (int i = 0; i < WF_GUARD_COUNT; i++) {
        if (strcmp(guard_names[i], name) == 0)
            return i;
    }
    return -1;
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: sim [--seeds N] [--seed S] [--seconds N] [--jobs J] [--trace] "
                    "[--stock] [--harsh] [--dense] "
                    "[--without GUARD] [--quiet]\nguards:");
    for (int i = 0; i < WF_GUARD_COUNT; i++)
        fprintf(stderr, " %s", guard_names[i]);
    fprintf(stderr, "\n");
    exit(2);
}

static uint64_t number(const char *s)
{
    char *end;
    unsigned long long v;

    if (s == NULL)
        usage();
    v = strtoull(s, &end, 10);
    if (*s == '\0' || *end != '\0')
        usage();
    return v;
}

static void parse(int argc, char **argv, struct arguments *a)
{
    *a = (struct arguments){.run.guards = WF_GUARD_ALL, .first = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--seeds") == 0) {
            a->seeds = number(value);
            i++;
        } else if (strcmp(argv[i], "--seed") == 0) {
            a->first = number(value);
            i++;
        } else if (strcmp(argv[i], "--seconds") == 0) {
            a->seconds = (unsigned)number(value);
            i++;
        } else if (strcmp(argv[i], "--jobs") == 0) {
            a->jobs = (unsigned)number(value);
            i++;
        } else if (strcmp(argv[i], "--without") == 0) {
            if (value == NULL || guard_bit(value) < 0)
                usage();
            a->without = value;
            a->run.guards &= ~(1u << guard_bit(value));
            i++;
        } else if (strcmp(argv[i], "--trace") == 0) {
            a->run.trace = true;
        } else if (strcmp(argv[i], "--stock") == 0) {
            a->run.stock = true;
        } else if (strcmp(argv[i], "--harsh") == 0) {
            a->run.harsh = true;
        } else if (strcmp(argv[i], "--dense") == 0) {
            a->run.dense = true;
        } else if (strcmp(argv[i], "--quiet") == 0) {
            a->quiet = true;
        } else {
            usage();
        }
    }
    if (a->seeds == 0)
        a->seeds = a->seconds != 0 ? UINT64_MAX / 2 : 1;
    if (a->jobs == 0)
        a->jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (a->jobs > JOBS_MAX)
        a->jobs = JOBS_MAX;
    if (a->run.trace)
        a->seeds = 1;
}

// --- workers -----------------------------------------------------------------------------------

static void report(const struct arguments *a, uint64_t seed, const char *what)
{
    if (atomic_fetch_add(&board->failures, 1) >= SHOWN_MAX)
        return;
    printf("FAIL seed %llu: %s\n  replay: tests/sim/run.sh --seed %llu --trace%s%s%s%s%s\n",
           (unsigned long long)seed, what, (unsigned long long)seed, a->run.stock ? " --stock" : "",
           a->run.harsh ? " --harsh" : "", a->run.dense ? " --dense" : "",
           a->without != NULL ? " --without " : "", a->without != NULL ? a->without : "");
    fflush(stdout);
}

static void one_seed(const struct arguments *a, uint64_t seed)
{
    int rc = sim_run(seed, &a->run, &sim);

    board->writes += sim.writes;
    board->reads += sim.reads;
    board->changes += sim.changes;
    board->crashes += sim.crashes;
    board->images += sim.images_made;
    board->installs += sim.installs;
    board->steps += sim.steps;
    if (rc != 0)
        report(a, seed, sim.failure);
    board->done++;
}

static void worker(const struct arguments *a, struct slot *slot)
{
    uint64_t i;

    while (!board->enough && (i = atomic_fetch_add(&board->next, 1)) < a->seeds) {
        slot->seed = a->first + i;
        slot->since = now_s();
        one_seed(a, a->first + i);
        slot->since = 0;
    }
    exit(0);
}

static void spawn(const struct arguments *a, struct slot *slot)
{
    struct rlimit none = {0, 0};
    pid_t pid;

    fflush(stdout);
    slot->since = 0;
    pid = fork();
    if (pid < 0) {
        perror("sim: fork");
        exit(2);
    }
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &none);
        worker(a, slot);
    }
    slot->pid = pid;
}

static void buried(const struct arguments *a, struct slot *slot, int status)
{
    char what[80];

    slot->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    if (WIFSIGNALED(status))
        snprintf(what, sizeof what, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(what, sizeof what, "exit status %d", WEXITSTATUS(status));
    if (slot->since != 0) {
        report(a, slot->seed, what);
        board->done++;
    }
    spawn(a, slot);
}

static void progress(const struct arguments *a, int64_t started)
{
    static int64_t told;

    if (a->quiet || now_s() - told < 2)
        return;
    told = now_s();
    if (a->seconds != 0)
        fprintf(stderr, "\rsim: %llu seeds, %llu failures, %lld of %u s ",
                (unsigned long long)board->done, (unsigned long long)board->failures,
                (long long)(told - started), a->seconds);
    else
        fprintf(stderr, "\rsim: %llu of %llu seeds, %llu failures, %lld s ",
                (unsigned long long)board->done, (unsigned long long)a->seeds,
                (unsigned long long)board->failures, (long long)(told - started));
}

static void run_all(const struct arguments *a)
{
    int64_t started = now_s();
    unsigned alive = a->jobs;

    for (unsigned i = 0; i < a->jobs; i++)
        spawn(a, &board->slots[i]);
    while (alive > 0) {
        alive = 0;
        for (unsigned i = 0; i < a->jobs; i++) {
            struct slot *slot = &board->slots[i];
            int status;

            if (slot->pid == 0)
                continue;
            int64_t since = slot->since; // once: the worker sets it to 0 at any moment
            if (since != 0 && now_s() - since > SEED_WALL_S)
                kill(slot->pid, SIGKILL); // libraft spins
            if (waitpid(slot->pid, &status, WNOHANG) == slot->pid)
                buried(a, slot, status);
            alive += slot->pid != 0;
        }
        if (a->seconds != 0 && now_s() - started >= a->seconds)
            board->enough = true;
        progress(a, started);
        usleep(20000);
    }
    if (!a->quiet)
        fprintf(stderr, "\n");
}

static void summary(const struct arguments *a)
{
    if (!a->quiet)
        printf("sim: writes=%llu reads=%llu changes=%llu crashes=%llu images=%llu installs=%llu\n",
               (unsigned long long)board->writes, (unsigned long long)board->reads,
               (unsigned long long)board->changes, (unsigned long long)board->crashes,
               (unsigned long long)board->images, (unsigned long long)board->installs);
    printf("sim: seeds=%llu simulated_hours=%.2f events=%llu failures=%llu\n",
           (unsigned long long)board->done, (double)board->done * RUN_MS / 3600000.0,
           (unsigned long long)board->steps, (unsigned long long)board->failures);
}

// What libraft has loaded when a start fails it does not release; a daemon ends then.
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:load_record\n";
}

int main(int argc, char **argv)
{
    struct arguments a;

    parse(argc, argv, &a);
    wf_log_setup(a.run.trace ? WF_LOG_ERROR : WF_LOG_NOTHING, WF_LOG_LOGFMT, "");
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        perror("sim: mmap");
        return 2;
    }
    sim_setup(&sim);
    if (a.seeds == 1) {
        one_seed(&a, a.first);
        if (a.run.trace)
            printf("trace %016llx\n", (unsigned long long)sim.trace_hash);
    } else {
        run_all(&a);
    }
    summary(&a);
    return board->failures != 0;
}
