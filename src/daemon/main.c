// SPDX-License-Identifier: Apache-2.0
// watchfired: one node of a cluster.
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "base/memory.h"
#include "daemon/config.h"
#include "daemon/exit.h"
#include "daemon/offline.h"
#include "daemon/privileges.h"
#include "daemon/run.h"

static const char usage[] =
    "watchfired " WF_VERSION ": one node of a Watchfire cluster\n"
    "\n"
    "  watchfired --config FILE               run the node\n"
    "  watchfired --config FILE --bootstrap   run it for the first time, as a founder of a new\n"
    "                                         cluster; start all founders this way\n"
    "  watchfired --check-config FILE         say whether the configuration is right\n"
    "  watchfired recover --config FILE --inspect\n"
    "                                         what this node still has, after a lost quorum\n"
    "  watchfired recover --config FILE --force\n"
    "                                         go on with this node alone; read \"Lost quorum\" in\n"
    "                                         docs/operations.md first\n"
    "  watchfired restore --config FILE --from BACKUP\n"
    "                                         prepare an empty data directory to begin a cluster\n"
    "                                         from a backup, on every founder\n"
    "  watchfired verify --config FILE        check the log and the state of a stopped node\n"
    "  watchfired --version | --help\n"
    "\n"
    "Exit codes:\n";

struct args {
    const char *command; // "run" and the others
    const char *config, *check, *from;
    bool bootstrap, inspect, force, help, version;
};

_Noreturn static void fail(const struct wf_err *err)
{
    // One line, whatever the log's level: this is what a person looks for.
    wf_log(WF_LOG_ERROR, err->msg, "exit", wf_log_i(wf_exit_of(err)), NULL);
    fflush(stdout);
    // What a start that failed half-way has open is the kernel's to close.
    _exit((int)wf_exit_of(err));
}

static void print_usage(FILE *out)
{
    fputs(usage, out);
#define PRINT_EXIT(name, code, text) fprintf(out, "  %3d  %s\n", code, text);
    WF_EXITS(PRINT_EXIT)
#undef PRINT_EXIT
}

static int parse(int argc, char **argv, struct args *a)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check-config", required_argument, NULL, 'k'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"bootstrap", no_argument, NULL, 'b'},
                                            {"inspect", no_argument, NULL, 'i'},
                                            {"force", no_argument, NULL, 'F'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {0}};
    bool *const flags[] = {&a->bootstrap, &a->inspect, &a->force, &a->help, &a->version};
    const char *const letters = "biFhV";
    *a = (struct args){.command = "run"};
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        const char *at = strchr(letters, o);
        if (o == '?')
            return WF_EXIT_USAGE;
        if (at)
            *flags[at - letters] = true;
        else
            *(o == 'c' ? &a->config : o == 'k' ? &a->check : &a->from) = optarg;
    }
    if (optind < argc)
        a->command = argv[optind++];
    return optind < argc ? WF_EXIT_USAGE : WF_EXIT_OK;
}

static bool is(const struct args *a, const char *command)
{
    return strcmp(a->command, command) == 0;
}

// Do the options go with the command?
static bool fits(const struct args *a)
{
    if (a->help || a->version)
        return true;
    if (is(a, "run"))
        return (a->config || a->check) && !a->from && !a->inspect && !a->force;
    if (!a->config || a->check || a->bootstrap)
        return false;
    if (is(a, "recover"))
        return a->inspect != a->force && !a->from;
    if (a->inspect || a->force)
        return false;
    return (is(a, "restore") && a->from) || (is(a, "verify") && !a->from);
}

static int dispatch(const struct args *a, const struct wf_config *c, struct wf_err *err)
{
    if (a->check)
        return WF_OK;
    if (is(a, "recover"))
        return wf_offline_recover(c, a->force, err);
    if (is(a, "restore"))
        return wf_offline_restore(c, a->from, err);
    if (is(a, "verify"))
        return wf_offline_verify(c, err);
    return wf_run(c, a->bootstrap, err);
}

// libuv grows its table of descriptors with this, and aborts without a word when it gets nothing.
static void *grow(void *p, size_t n)
{
    void *grown = realloc(p, n);
    return n > 0 ? wf_need(grown, "the event loop") : grown;
}

int main(int argc, char **argv)
{
    struct args a;
    struct wf_err err;
    struct wf_config *c = NULL;
    if (parse(argc, argv, &a) != WF_EXIT_OK || !fits(&a)) {
        fputs(
            "watchfired: this is not how it is called; it is one of these, and --help says more:\n"
            "  watchfired --config FILE [--bootstrap]\n"
            "  watchfired --check-config FILE\n"
            "  watchfired recover --config FILE --inspect | --force\n"
            "  watchfired restore --config FILE --from BACKUP\n"
            "  watchfired verify --config FILE\n",
            stderr);
        return WF_EXIT_USAGE;
    }
    if (a.help || a.version) {
        if (a.help)
            print_usage(stdout);
        else
            puts("watchfired " WF_VERSION);
        return WF_EXIT_OK;
    }
    signal(SIGPIPE, SIG_IGN);
    uv_replace_allocator(malloc, grow, calloc, free);
    // An entry of a few hundred kilobytes comes and goes with every round: it must not be mapped
    // and faulted in anew each time.
    mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
    int rc = wf_config_load(&c, a.check ? a.check : a.config, &err);
    if (rc == WF_OK) {
        wf_log_setup(c->log ? c->log->level : WF_LOG_INFO, c->log ? c->log->format : WF_LOG_LOGFMT,
                     c->node.name);
        if (!a.check && !is(&a, "run")) // a node takes its port first
            rc = wf_privileges_drop(c->user, &err);
    } else if (!*err.reason) {
        snprintf(err.reason, sizeof err.reason, "CONFIG"); // it could not be read
    }
    if (rc == WF_OK)
        rc = dispatch(&a, c, &err);
    if (rc == WF_OK && a.check)
        printf("%s is right: node %s of cluster %s\n", a.check, c->node.name, c->cluster.name);
    if (rc != WF_OK)
        fail(&err);
    wf_config_free(c);
    return WF_EXIT_OK;
}
