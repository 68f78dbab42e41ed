// SPDX-License-Identifier: Apache-2.0
// watchfire cluster promote: spare, standby, caught up, voter, in one command. Each turn looks at
// the cluster and takes the step that is next; so a leader that changes, a step whose outcome is
// not known and a second run after an interrupted one are all the same to it.
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/progress.h"
#include "cli/cli.h"
#include "cli/runs.h"
#include "watchfire/v1/cluster.pb-c.h"

enum {
    LOOK_EVERY_MS = 200,
    LOOK_MS = 2000, // for the leader's view; any node's will do
    // So little is left that the leader may wait for it, holding writes back.
    NEARLY_ENTRIES = 1000,
    NEARLY_BYTES = 1024 * 1024,
    INTERRUPTED = 130,
};
static const wf_mono_ns TELL_NS = 10000000000, DOUBT_NS = 2000000000;

#define SPARE   WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_SPARE
#define STANDBY WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_STANDBY
#define VOTER   WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_VOTER

typedef Watchfire__V1__Member member;
typedef Watchfire__V1__GetStatusResponse status;

struct promotion {
    struct wf_cli *cli;
    const char *name;
    bool begun;               // a step was taken: to find it a voter is success
    bool doubted;             // somebody was told that it does not answer
    uint64_t applied, needed; // as last seen
    int percent, role;        // likewise
    wf_mono_ns moved, told;   // when it last got on; when a line was last written
    char why[300];            // what the last step was refused with, for now
    char reason[40];          // its reason
    struct wf_progress bar;
    int code; // the exit code, once it is over
};

// --- Ctrl-C --------------------------------------------------------------------------------------

static char parting[300]; // written before the handler is set, and not after

static void on_interrupt(int number)
{
    (void)number;
    ssize_t n = write(STDERR_FILENO, parting, strlen(parting));
    (void)n; // nobody is left to be told
    _exit(INTERRUPTED);
}

static void handle_interrupt(const struct promotion *p, struct sigaction *before)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    snprintf(parting, sizeof(parting),
             "%sInterrupted: what was begun goes on. watchfire cluster status shows %.63s;\n"
             "to go on from there: watchfire cluster promote %.63s\n",
             p->cli->terminal_err ? "\r\033[K" : "\n", p->name, p->name);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, before);
}

// --- what a person sees --------------------------------------------------------------------------

static void tell(struct promotion *p, const char *what)
{
    p->told = wf_clock_mono_ns();
    wf_progress_end(&p->bar);
    if (!p->cli->quiet)
        fprintf(p->cli->err, "%s %s\n", p->name, what);
}

// The state image that the leader sends first when its log does not go back far enough, then the
// log.
static void show_progress(struct promotion *p, const member *m)
{
    char line[100];
    wf_mono_ns now = wf_clock_mono_ns();
    bool image = m->image_percent >= 0 && p->applied + NEARLY_ENTRIES < p->needed;
    uint64_t done = image ? (uint64_t)m->image_percent : p->applied;
    uint64_t needed = image ? 100 : p->needed;
    p->bar.what = !image                   ? "Catching up"
                  : m->image_percent < 100 ? "Sending the state"
                                           : "Installing the state";
    wf_progress_step(&p->bar, done, needed, now);
    if (p->cli->terminal_err || now - p->told < TELL_NS)
        return;
    snprintf(line, sizeof(line), "has %" PRIu64 " of %" PRIu64 "%s", done, needed,
             image ? " percent of the state" : " entries");
    tell(p, line);
}

// --- looking -------------------------------------------------------------------------------------

static const member *find(const status *s, const char *name)
{
    for (size_t i = 0; i < s->n_members; i++)
        if (strcmp(s->members[i]->name, name) == 0)
            return s->members[i];
    return NULL;
}

static status *ask(struct promotion *p, const struct wf_client_call_options *o,
                   struct wf_client_error *err)
{
    Watchfire__V1__GetStatusRequest request = WATCHFIRE__V1__GET_STATUS_REQUEST__INIT;
    ProtobufCMessage *response = NULL;
    wf_client_call(p->cli->client, "/watchfire.v1.ClusterService/GetStatus", &request.base,
                   &response, o, err);
    return (status *)response;
}

// The status as the leader sees it, who alone knows of images under way; or as any node does. NULL
// after reporting that none answered.
static status *look(struct promotion *p)
{
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    status *s = ask(p, NULL, &err), *better = NULL;
    if (!s)
        p->code = wf_cli_report_call(p->cli, &err, NULL);
    const member *leader = s && strcmp(s->leader, s->node) != 0 ? find(s, s->leader) : NULL;
    if (leader)
        better = ask(
            p, &(struct wf_client_call_options){.timeout_ms = LOOK_MS, .endpoint = leader->address},
            &err);
    wf_client_error_clear(&err);
    if (!better)
        return s;
    protobuf_c_message_free_unpacked(&s->base, NULL);
    return better;
}

static void note(struct promotion *p, const status *s, const member *m)
{
    if (m->applied_index > p->applied || m->image_percent > p->percent || (int)m->role != p->role)
        p->moved = wf_clock_mono_ns();
    p->applied = m->applied_index;
    p->needed = s->commit_index;
    p->percent = m->image_percent;
    p->role = (int)m->role;
}

// --- the steps -----------------------------------------------------------------------------------

static void succeed(struct promotion *p, const ProtobufCMessage *response)
{
    wf_progress_end(&p->bar);
    p->code = wf_cli_show(p->cli, response);
}

// Refused, but not for ever: look again.
static bool may_pass(const struct promotion *p, const struct wf_client_error *err)
{
    static const char *const reasons[] = {"NOT_ANSWERING",    "NOT_CAUGHT_UP",   "CHANGE_PENDING",
                                          "TRANSFER_PENDING", "NOT_ESTABLISHED", "NO_MAJORITY",
                                          "UNKNOWN_OUTCOME",  "NOT_LEADER"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strcmp(err->reason, reasons[i]) == 0)
            return true;
    return err->code == WF_CLIENT_UNAVAILABLE || err->code == WF_CLIENT_DEADLINE_EXCEEDED ||
           (p->begun && err->code == WF_CLIENT_ALREADY_EXISTS); // by somebody else, meanwhile
}

static void note_refusal(struct promotion *p, const struct wf_client_error *err)
{
    snprintf(p->why, sizeof(p->why), "%.299s", err->message);
    snprintf(p->reason, sizeof(p->reason), "%s", err->reason);
}

static void assign(struct promotion *p, int role)
{
    Watchfire__V1__AssignMemberRequest r = WATCHFIRE__V1__ASSIGN_MEMBER_REQUEST__INIT;
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    ProtobufCMessage *response = NULL;
    r.name = (char *)p->name;
    r.role = (Watchfire__V1__MemberRole)role;
    p->why[0] = '\0';
    int rc = wf_client_call(p->cli->client, "/watchfire.v1.ClusterService/AssignMember", &r.base,
                            &response, NULL, &err);
    bool passes = rc != WF_CLIENT_OK && may_pass(p, &err);
    if (rc == WF_CLIENT_OK || passes)
        p->begun = true;
    if (rc == WF_CLIENT_OK && role == VOTER)
        succeed(p, response);
    else if (rc == WF_CLIENT_OK)
        tell(p, "is a standby and catches up");
    else if (passes)
        note_refusal(p, &err);
    else
        p->code = wf_cli_report_call(p->cli, &err, NULL);
    if (response)
        protobuf_c_message_free_unpacked(response, NULL);
    wf_client_error_clear(&err);
}

static void finish_found(struct promotion *p, const member *m)
{
    Watchfire__V1__AssignMemberResponse r = WATCHFIRE__V1__ASSIGN_MEMBER_RESPONSE__INIT;
    r.member = (member *)m;
    succeed(p, &r.base);
}

// Nothing has moved for as long as it may.
static void give_up(struct promotion *p, const member *m)
{
    struct wf_client_error err = {.code = WF_CLIENT_DEADLINE_EXCEEDED, .reason = "NOT_CAUGHT_UP"};
    unsigned seconds = p->cli->config.timeout_ms / 1000;
    wf_progress_end(&p->bar);
    if (p->why[0]) {
        snprintf(err.reason, sizeof(err.reason), "%s", p->reason);
        snprintf(err.message, sizeof(err.message), "gave up after %u s: %s", seconds, p->why);
    } else if (m && !m->connected) {
        snprintf(err.reason, sizeof(err.reason), "NOT_ANSWERING");
        snprintf(err.message, sizeof(err.message),
                 "%s has not answered for %u s: is its node running, and does it reach the others? "
                 "It stays a standby; promote it again when it is up",
                 p->name, seconds);
    } else {
        snprintf(
            err.message, sizeof(err.message),
            "%s has taken nothing for %u s (it has %" PRIu64 " of %" PRIu64
            "): look at its log; it stays a standby, and promoting it again goes on from there",
            p->name, seconds, p->applied, p->needed);
    }
    p->code = wf_cli_report_call(p->cli, &err, NULL);
}

// m is NULL when the cluster has no such member, and its leader was too busy to say so.
static void wait_for(struct promotion *p, const member *m)
{
    wf_mono_ns still = wf_clock_mono_ns() - p->moved;
    if (still >= p->cli->config.timeout_ms * UINT64_C(1000000)) {
        give_up(p, m);
        return;
    }
    if (m && !m->connected && !p->doubted && still >= DOUBT_NS) {
        p->doubted = true;
        tell(p, "does not answer yet: is its node running?");
    }
    if (m && m->connected)
        show_progress(p, m);
    struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000};
    nanosleep(&pause, NULL);
}

static bool nearly_level(const status *s, const member *m)
{
    return m->connected && m->applied_index + NEARLY_ENTRIES >= s->commit_index &&
           m->lag_bytes <= NEARLY_BYTES && (m->image_percent < 0 || m->image_percent == 100);
}

static void turn(struct promotion *p, const status *s)
{
    const member *m = find(s, p->name);
    if (m)
        note(p, s, m);
    if (!m || (m->role == VOTER && !p->begun))
        assign(p, VOTER); // the leader says what is wrong with that
    else if (m->role == VOTER)
        finish_found(p, m);
    else if (m->role == SPARE)
        assign(p, STANDBY);
    else if (nearly_level(s, m))
        assign(p, VOTER);
    if (p->code < 0)
        wait_for(p, m);
}

static int promote(struct wf_cli *cli)
{
    struct promotion p = {.cli = cli,
                          .name = wf_cli_args_get(&cli->args, "NAME"),
                          .percent = -1,
                          .moved = wf_clock_mono_ns(),
                          .code = -1};
    struct sigaction before;
    if (!wf_cli_client(cli, &p.code))
        return p.code;
    p.told = p.moved;
    wf_progress_begin(&p.bar, cli->terminal_err && !cli->quiet ? cli->err : NULL, "", false,
                      p.moved);
    handle_interrupt(&p, &before);
    while (p.code < 0) {
        status *s = look(&p);
        if (!s)
            break;
        turn(&p, s);
        protobuf_c_message_free_unpacked(&s->base, NULL);
    }
    sigaction(SIGINT, &before, NULL);
    return p.code;
}

int wf_cli_run_promote(struct wf_cli *cli)
{
    ProtobufCMessage *request;
    int code = wf_cli_request(cli, &request);
    if (code != WF_EXIT_OK)
        return code;
    bool voter = ((const Watchfire__V1__AssignMemberRequest *)(const void *)request)->role == VOTER;
    protobuf_c_message_free_unpacked(request, NULL);
    return voter ? promote(cli) : wf_cli_default_run(cli);
}
