// SPDX-License-Identifier: Apache-2.0
// Whole runs of watchfire(1) against a node on loopback: output, hints, exit codes.
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "fake_node.h"
#include "watchfire/v1/access.pb-c.h"
#include "watchfire/v1/cluster.pb-c.h"
#include "watchfire/v1/incident.pb-c.h"
#include "watchfire/v1/log.pb-c.h"

static struct testcert_dir certs;
static struct fake_node *node;
static char work[64];

// --- the node ------------------------------------------------------------------------------------

static void refuse(struct wf_call *call, int code, const char *reason, const char *draft)
{
    struct wf_err err;
    Watchfire__V1__ErrorDetail detail = WATCHFIRE__V1__ERROR_DETAIL__INIT;
    Watchfire__V1__DraftFinding f = WATCHFIRE__V1__DRAFT_FINDING__INIT, *list[] = {&f};
    wf_fail_reason(&err, (enum wf_code)code, reason, "refused for a test");
    detail.reason = (char *)reason;
    const char *at = draft ? strstr(draft, "by 5pm") : NULL;
    if (at) {
        f.kind = WATCHFIRE__V1__DRAFT_FINDING_KIND__DRAFT_FINDING_KIND_ETA;
        f.start = (uint32_t)(at - draft);
        f.length = 6;
        f.advice = (char *)"No times.";
        detail.n_findings = 1;
        detail.findings = list;
    }
    wf_call_fail(call, &err, &detail.base);
}

// The title says how a declaration ends.
static void declare(struct wf_call *call)
{
    const Watchfire__V1__DeclareIncidentRequest *r = (const void *)wf_call_request(call);
    if (strcmp(r->title, "denied") == 0) {
        refuse(call, WF_PERMISSION_DENIED, "ROLE_TOO_LOW", NULL);
        return;
    }
    Watchfire__V1__Incident i = WATCHFIRE__V1__INCIDENT__INIT;
    Watchfire__V1__DeclareIncidentResponse a = WATCHFIRE__V1__DECLARE_INCIDENT_RESPONSE__INIT;
    i.id = (char *)"INC-1";
    i.title = r->title;
    i.severity = r->severity ? r->severity : WATCHFIRE__V1__SEVERITY__SEVERITY_SEV3;
    i.commander = (char *)"ricardo";
    a.incident = &i;
    wf_call_reply(call, &a.base);
}

static void export_log(struct wf_call *call)
{
    uint8_t head[WF_HASH_SIZE] = {0}, packed[3][64];
    uint8_t hashes[3][WF_HASH_SIZE];
    Watchfire__V1__LogRecord records[3], *list[3];
    for (unsigned i = 0; i < 3; i++) {
        Watchfire__V1__Event e = WATCHFIRE__V1__EVENT__INIT;
        e.seq = i + 1;
        size_t n = watchfire__v1__event__pack(&e, packed[i]);
        wf_hash_pair(head, sizeof(head), packed[i], n, head);
        memcpy(hashes[i], head, sizeof(head));
        watchfire__v1__log_record__init(&records[i]);
        records[i].canonical = (ProtobufCBinaryData){n, packed[i]};
        records[i].hash = (ProtobufCBinaryData){sizeof(head), hashes[i]};
        list[i] = &records[i];
    }
    Watchfire__V1__ExportLogResponse m = WATCHFIRE__V1__EXPORT_LOG_RESPONSE__INIT;
    m.n_records = 3;
    m.records = list;
    m.last_seq = 3;
    assert_true(wf_call_send(call, &m.base));
    wf_call_finish(call);
}

// A backup whose checksum is right; one that is cut off for a caller with a token.
static void backup(struct wf_call *call)
{
    static const char bytes[] = "SQLite format 3\0and so on";
    uint8_t hash[WF_HASH_SIZE];
    wf_hash_pair(bytes, sizeof(bytes), NULL, 0, hash);
    Watchfire__V1__BackupResponse m = WATCHFIRE__V1__BACKUP_RESPONSE__INIT;
    m.chunk = (ProtobufCBinaryData){10, (uint8_t *)bytes};
    m.total = sizeof(bytes);
    assert_true(wf_call_send(call, &m.base));
    if (!wf_call_metadata(call, "authorization")) {
        m.chunk = (ProtobufCBinaryData){sizeof(bytes) - 10, (uint8_t *)bytes + 10};
        m.sha256 = (ProtobufCBinaryData){sizeof(hash), hash};
        m.index = 99;
        assert_true(wf_call_send(call, &m.base));
    }
    wf_call_finish(call);
}

static void watch(struct wf_call *call)
{
    for (uint64_t seq = 5; seq < 9; seq++) {
        Watchfire__V1__WatchEventsResponse m = WATCHFIRE__V1__WATCH_EVENTS_RESPONSE__INIT;
        Watchfire__V1__Event e = WATCHFIRE__V1__EVENT__INIT;
        e.seq = seq;
        e.incident_id = (char *)"INC-1";
        e.announcement = (char *)"@all: IC -> Ricardo";
        m.event = &e;
        assert_true(wf_call_send(call, &m.base));
    }
    wf_call_finish(call);
}

static void list_events(struct wf_call *call)
{
    Watchfire__V1__ListEventsResponse a = WATCHFIRE__V1__LIST_EVENTS_RESPONSE__INIT;
    Watchfire__V1__Event e = WATCHFIRE__V1__EVENT__INIT, *list[] = {&e};
    Watchfire__V1__NoteAdded note = WATCHFIRE__V1__NOTE_ADDED__INIT;
    const Watchfire__V1__ListEventsRequest *r = (const void *)wf_call_request(call);
    if (strcmp(r->incident_id, "INC-9") == 0) {
        refuse(call, WF_NOT_FOUND, "UNKNOWN_INCIDENT", NULL);
        return;
    }
    if (r->page_size > 1000) {
        struct wf_err err;
        wf_fail_reason(&err, WF_INVALID_ARGUMENT, "OUT_OF_RANGE", "page_size is too large");
        wf_call_fail(call, &err, NULL);
        return;
    }
    e.seq = 8;
    e.what_case = WATCHFIRE__V1__EVENT__WHAT_NOTE;
    e.note = &note;
    note.text = (char *)"the note itself";
    a.n_events = 1;
    a.events = list;
    a.more = true;
    wf_call_reply(call, &a.base);
}

// The member gru-1 on its way: how far it is, and what its node does about it.
static struct {
    Watchfire__V1__MemberRole role;
    uint64_t applied;
    bool down, disk_low;
    unsigned looks, assigned;
} gru;

static void fill_gru(Watchfire__V1__Member *m)
{
    watchfire__v1__member__init(m);
    m->name = (char *)"gru-1";
    m->region = (char *)"gru";
    m->address = (char *)"127.0.0.1:1";
    m->role = gru.role;
    m->connected = !gru.down;
    m->disk_low = gru.disk_low;
    m->applied_index = gru.applied;
    m->image_percent = -1;
}

static void get_status(struct wf_call *call)
{
    Watchfire__V1__GetStatusResponse a = WATCHFIRE__V1__GET_STATUS_RESPONSE__INIT;
    Watchfire__V1__Member m, *list[] = {&m};
    gru.looks++;
    if (gru.role == WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_STANDBY && !gru.down)
        gru.applied += 3000;
    fill_gru(&m);
    a.node = a.leader = (char *)"fra-1";
    a.commit_index = 10000;
    a.n_members = 1;
    a.members = list;
    wf_call_reply(call, &a.base);
}

// A voter only when it has caught up; and the first time the answer is lost.
static void assign(struct wf_call *call)
{
    const Watchfire__V1__AssignMemberRequest *r = (const void *)wf_call_request(call);
    Watchfire__V1__AssignMemberResponse a = WATCHFIRE__V1__ASSIGN_MEMBER_RESPONSE__INIT;
    Watchfire__V1__Member m;
    bool voter = r->role == WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_VOTER;
    if (strcmp(r->name, "gru-1") != 0) {
        gru.assigned++;
        refuse(call, WF_FAILED_PRECONDITION, "CHANGE_PENDING", NULL);
        return;
    }
    if (voter && gru.role == WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_VOTER) {
        refuse(call, WF_ALREADY_EXISTS, "", NULL);
        return;
    }
    assert_true(!voter || gru.applied >= 9000);
    gru.role = r->role;
    if (gru.assigned++ == 0) {
        refuse(call, WF_UNAVAILABLE, "UNKNOWN_OUTCOME", NULL);
        return;
    }
    fill_gru(&m);
    a.member = &m;
    wf_call_reply(call, &a.base);
}

static char noted_id[64]; // the request id of the last note

static void on_call(void *ctx, struct wf_call *call)
{
    (void)ctx;
    const char *name = wf_call_method(call)->name;
    if (strcmp(name, "GetStatus") == 0) {
        get_status(call);
        return;
    }
    if (strcmp(name, "AssignMember") == 0) {
        assign(call);
        return;
    }
    if (strcmp(name, "DeclareIncident") == 0) {
        declare(call);
    } else if (strcmp(name, "PostStatus") == 0) {
        const Watchfire__V1__PostStatusRequest *r = (const void *)wf_call_request(call);
        refuse(call, WF_FAILED_PRECONDITION, "DRAFT_FINDINGS", r->body);
    } else if (strcmp(name, "GetIncident") == 0) {
        refuse(call, WF_NOT_FOUND, "UNKNOWN_INCIDENT", NULL);
    } else if (strcmp(name, "ChangeState") == 0) {
        refuse(call, WF_FAILED_PRECONDITION, "STALE_EPOCH", NULL);
    } else if (strcmp(name, "ExportLog") == 0) {
        export_log(call);
    } else if (strcmp(name, "ListEvents") == 0) {
        list_events(call);
    } else if (strcmp(name, "Backup") == 0) {
        backup(call);
    } else if (strcmp(name, "WatchEvents") == 0) {
        watch(call);
    } else if (strcmp(name, "RemoveUser") == 0) {
        Watchfire__V1__RemoveUserResponse a = WATCHFIRE__V1__REMOVE_USER_RESPONSE__INIT;
        wf_call_reply(call, &a.base);
    } else {
        if (strcmp(name, "AddNote") == 0)
            snprintf(noted_id, sizeof(noted_id), "%s",
                     ((const Watchfire__V1__AddNoteRequest *)wf_call_request(call))->request_id);
        refuse(call, WF_UNAVAILABLE, "NO_LEADER", NULL);
    }
}

// --- runs ----------------------------------------------------------------------------------------

static char *out, *errors;

static FILE *typed; // what the next run reads, when it is a terminal

static int run_argv(const char *in, const char *const *words)
{
    const char *argv[48] = {"watchfire",
                            "--endpoint",
                            fake_node_address(node),
                            "--ca",
                            testcert_file(&certs, "ca", ".pem"),
                            "--cert",
                            testcert_file(&certs, "user", ".pem"),
                            "--key",
                            testcert_file(&certs, "user", ".key")};
    int argc = 9;
    while (*words)
        argv[argc++] = *words++;
    free(out);
    free(errors);
    size_t n, m;
    FILE *fi = typed ? typed : in ? fmemopen((void *)in, strlen(in), "r") : fopen("/dev/null", "r");
    FILE *fo = open_memstream(&out, &n), *fe = open_memstream(&errors, &m);
    int code = wf_cli_main(argc, (char *const *)argv, fi, fo, fe);
    fclose(fi);
    fclose(fo);
    fclose(fe);
    return code;
}

#define RUN(in, ...) run_argv(in, (const char *const[]){__VA_ARGS__, NULL})

static void success_tells_what_comes_next(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "incident", "declare", "Routing", "is", "down"), 0);
    assert_string_equal(out, "Declared INC-1 (sev3): Routing is down\nIC is ricardo\n");
    assert_string_equal(errors, "Next: watchfire incident confirm INC-1\n"
                                "      watchfire ic offer INC-1 NAME\n");
}

static void quiet_prints_the_id_alone(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "incident", "declare", "down", "-q"), 0);
    assert_string_equal(out, "INC-1\n");
    assert_string_equal(errors, "");
}

static void json_is_the_whole_answer(void **state)
{
    (void)state;
    assert_int_equal(RUN("from standard input\n", "incident", "declare", "-", "--json"), 0);
    assert_string_equal(out, "{\n  \"incident\": {\n    \"id\": \"INC-1\",\n"
                             "    \"title\": \"from standard input\",\n"
                             "    \"severity\": \"SEVERITY_SEV3\",\n"
                             "    \"commander\": \"ricardo\"\n  }\n}\n");
    assert_string_equal(errors, "");
    assert_int_equal(RUN(NULL, "incident", "declare", "x", "--json", "--yaml"), WF_EXIT_USAGE);
}

static void refusals_have_their_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "incident", "declare", "denied"), WF_EXIT_PERMISSION);
    assert_string_equal(errors, "watchfire: refused for a test (ROLE_TOO_LOW)\n");
    assert_int_equal(RUN(NULL, "incident", "show", "9"), WF_EXIT_NOT_FOUND);
    assert_int_equal(RUN(NULL, "incident", "resolve", "1"), WF_EXIT_CONFLICT);
    assert_non_null(strstr(errors, "watchfire ic who"));
    assert_int_equal(RUN(NULL, "user", "list", "--timeout", "1s"), WF_EXIT_UNREACHABLE);
    assert_non_null(strstr(errors, "(NO_LEADER)"));
    assert_int_equal(RUN(NULL, "incident", "frob"), WF_EXIT_USAGE);
    assert_int_equal(RUN(NULL, "incident", "list", "--ca", "/nonexistent"), WF_EXIT_USAGE);
}

static void an_open_outcome_names_the_id_to_repeat(void **state)
{
    (void)state;
    char advice[128];
    assert_int_equal(RUN(NULL, "note", "add", "1", "x", "--timeout", "1s"), WF_EXIT_UNREACHABLE);
    assert_int_equal(strlen(noted_id), 32);
    snprintf(advice, sizeof(advice), "repeat it with --request-id %s, ", noted_id);
    assert_non_null(strstr(errors, advice));
    assert_int_equal(
        RUN(NULL, "note", "add", "1", "x", "--timeout", "1s", "--request-id", "deploy-4711"),
        WF_EXIT_UNREACHABLE);
    assert_string_equal(noted_id, "deploy-4711");
    assert_non_null(strstr(errors, "repeat it with --request-id deploy-4711, "));
    assert_int_equal(RUN(NULL, "user", "list", "--timeout", "1s"), WF_EXIT_UNREACHABLE);
    assert_null(strstr(errors, "--request-id")); // it changes nothing
}

static void findings_show_the_passage(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "status", "post", "1", "issue", "All", "is", "well", "by", "5pm"),
                     WF_EXIT_FINDINGS);
    assert_non_null(strstr(errors, "  All is well by 5pm\n"
                                   "              ^^^^^^\n"
                                   "  No times.\n"));
    assert_non_null(strstr(errors, "--override"));
}

static void destruction_asks_first(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "user", "remove", "chris"), WF_EXIT_USAGE);
    assert_string_equal(errors,
                        "chris will be allowed nothing any more, and their tokens will be revoked\n"
                        "watchfire: nothing was changed: there is no terminal to ask; "
                        "repeat it with -y\n");
    assert_int_equal(RUN(NULL, "user", "remove", "chris", "-y"), 0);
    assert_string_equal(out, "chris is removed\n");
}

// Somebody at a terminal is asked for what the command line does not say.
static void a_sitrep_is_asked_for(void **state)
{
    (void)state;
    int person = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(person >= 0 && grantpt(person) == 0 && unlockpt(person) == 0);
    typed = fopen(ptsname(person), "r");
    static const char said[] = "all apps\nrestoring\nus\n";
    assert_non_null(typed);
    assert_int_equal(write(person, said, sizeof(said) - 1), sizeof(said) - 1);
    int code = RUN(NULL, "sitrep", "post", "1", "--broken", "the database", "--timeout", "1s");
    typed = NULL;
    close(person);
    assert_int_equal(code, WF_EXIT_UNREACHABLE); // complete: it went to the node
    assert_non_null(strstr(errors, "How widespread is the impact? "));
    assert_null(strstr(errors, "What is broken? "));
}

static void a_sitrep_is_read_in_sections(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "sitrep", "post", "1", "--broken", "x"), WF_EXIT_USAGE);
    assert_non_null(strstr(errors, "how widespread the impact is"));
    assert_int_equal(RUN("preface\nbroken: x\n", "sitrep", "post", "1", "--file", "-"),
                     WF_EXIT_USAGE);
    assert_int_equal(RUN("broken: a\nimpact:\nb\n\nc\ndoing: d\nwho: e\n", "sitrep", "post", "1",
                         "--file", "-", "--timeout", "1s"),
                     WF_EXIT_UNREACHABLE); // complete: it went to the node
}

static void the_record_is_verified_here(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "log", "verify"), 0);
    assert_memory_equal(out, "The chain holds: 3 events\nHead: ", 32);
    char path[128];
    snprintf(path, sizeof(path), "%s/log.wf", work);
    assert_int_equal(RUN(NULL, "log", "export", path), 0);
    assert_int_equal(RUN(NULL, "log", "export", path), WF_EXIT_LOCAL); // not over another
    assert_int_equal(RUN(NULL, "log", "verify", path, "--json"), 0);
    assert_memory_equal(out, "{\"valid\": true, \"events\": \"3\"", 29);
    FILE *f = fopen(path, "r+");
    fseek(f, 20, SEEK_SET);
    fputc('!', f);
    fclose(f);
    assert_int_equal(RUN(NULL, "log", "verify", path), WF_EXIT_INVALID);
    assert_non_null(strstr(errors, "log.wf: the chain breaks at event 1"));
}

static void a_backup_is_checked_before_it_is_kept(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "%s/backup.db", work);
    assert_int_equal(RUN(NULL, "cluster", "backup", path, "--token", "wf_cut"), WF_EXIT_INVALID);
    assert_non_null(strstr(errors, "cut off"));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(RUN(NULL, "cluster", "backup", path), 0);
    assert_non_null(strstr(out, "26 B, index 99\nSHA-256: "));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(RUN(NULL, "cluster", "backup", path), WF_EXIT_LOCAL);
    assert_int_equal(RUN(NULL, "cluster", "restore", "-y", "/dev/null", "--config", "x"),
                     WF_EXIT_INVALID);
}

static void a_page_of_events_names_the_next(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "log", "show", "-n", "1"), 0);
    assert_string_equal(out, "SEQ  WHAT\n  8  the note itself\n");
    assert_string_equal(errors, "Next: there is more:\n"
                                "      watchfire log show --limit 1 --after 8\n");
    assert_int_equal(RUN(NULL, "log", "ls", "7", "-a", "5", "-r", "--json", "-n2"), 0);
    assert_string_equal(errors, "");
    assert_int_equal(RUN(NULL, "log", "ls", "7", "-a", "5", "-r", "-n2"), 0);
    assert_string_equal(errors, "Next: there is more:\n      watchfire log show INC-7 --newest "
                                "--limit 2 --after 8\n");
}

static void a_watch_counts(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "watch", "1", "--after", "4", "-n", "2"), 0);
    assert_string_equal(out, "1970-01-01 00:00:00Z  5  INC-1  -: @all: IC -> Ricardo\n"
                             "1970-01-01 00:00:00Z  6  INC-1  -: @all: IC -> Ricardo\n");
    assert_int_equal(RUN(NULL, "watch", "--after", "4", "-n", "3", "-q"), 0);
    assert_string_equal(out, "5\n6\n7\n");
    assert_int_equal(RUN(NULL, "watch", "--after", "4", "-n", "2", "--yaml"), 0);
    assert_int_equal(strncmp(out, "---\nseq: \"5\"\n", 13), 0);
    assert_non_null(strstr(out, "\n---\nseq: \"6\"\n"));
    assert_int_equal(RUN(NULL, "watch", "-n", "0"), WF_EXIT_USAGE);
    assert_int_equal(RUN(NULL, "watch", "9", "-n", "1"), WF_EXIT_NOT_FOUND);
    assert_string_equal(out, "");
    assert_non_null(strstr(errors, "watchfire incident list"));
}

static void the_status_names_who_is_short_of_disk(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "cluster", "status"), 0);
    assert_null(strstr(out, "DISK LOW"));
    gru.disk_low = true;
    assert_int_equal(RUN(NULL, "cluster", "status"), 0);
    gru.disk_low = false;
    assert_non_null(strstr(out, "DISK LOW"));
}

static void a_spare_is_promoted_through_its_steps(void **state)
{
    (void)state;
    memset(&gru, 0, sizeof(gru));
    gru.role = WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_SPARE;
    assert_int_equal(RUN(NULL, "cluster", "promote", "gru-1"), 0);
    assert_string_equal(out, "gru-1 (gru) is now a voter\n");
    assert_int_equal(gru.assigned, 2);
    assert_true(gru.looks >= 4);
    assert_int_equal(RUN(NULL, "cluster", "promote", "gru-1"), WF_EXIT_CONFLICT);
}

// The step was taken, but its answer was lost: the next look finds the voter.
static void a_promotion_whose_answer_is_lost_is_found_done(void **state)
{
    (void)state;
    memset(&gru, 0, sizeof(gru));
    gru.role = WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_STANDBY;
    assert_int_equal(RUN(NULL, "cluster", "promote", "gru-1"), 0);
    assert_string_equal(out, "gru-1 (gru) is now a voter\n");
    assert_int_equal(gru.assigned, 1);
}

static void a_member_that_is_down_is_not_waited_for_without_end(void **state)
{
    (void)state;
    memset(&gru, 0, sizeof(gru));
    gru.role = WATCHFIRE__V1__MEMBER_ROLE__MEMBER_ROLE_STANDBY;
    gru.down = true;
    assert_int_equal(RUN(NULL, "cluster", "promote", "gru-1", "--timeout", "3s"),
                     WF_EXIT_UNREACHABLE);
    assert_non_null(strstr(errors, "gru-1 does not answer yet: is its node running?\n"));
    assert_non_null(strstr(errors, "gru-1 has not answered for 3 s"));
    assert_string_equal(out, "");
    assert_int_equal(gru.assigned, 0);
}

// While another change goes on, the leader does not say that there is no such member.
static void a_member_that_is_not_there_is_not_asked_for_without_end(void **state)
{
    (void)state;
    memset(&gru, 0, sizeof(gru));
    assert_int_not_equal(RUN(NULL, "cluster", "promote", "gru-2", "--timeout", "1s"), 0);
    assert_non_null(strstr(errors, "gave up after 1 s"));
    assert_true(gru.assigned <= 10);
}

static void fits_80_columns(const char *text)
{
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        if (len > 80)
            fail_msg("%zu columns: %.*s", len, (int)len, text);
        assert_true(len == 0 || text[len - 1] != ' ');
    }
}

static void a_refused_field_is_called_as_it_was_given(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "log", "show", "-n", "5000"), WF_EXIT_REFUSED);
    assert_string_equal(errors, "watchfire: --limit is too large (OUT_OF_RANGE)\n");
}

static void only_what_a_command_takes_is_offered(void **state)
{
    (void)state;
    assert_int_equal(RUN(NULL, "help", "cluster", "promote"), 0);
    assert_null(strstr(out, "spare"));
    assert_int_equal(RUN(NULL, "cluster", "promote", "gru-1", "spare"), WF_EXIT_USAGE);
    assert_string_equal(errors, "watchfire: ROLE: \"spare\" is none of: voter, standby\n");
    assert_int_equal(RUN(NULL, "user", "set", "x", "viewer", "--kind", "node"), WF_EXIT_USAGE);
    assert_int_equal(RUN(NULL, "completion", "bash"), 0);
    assert_null(strstr(out, "spare"));
}

static void help_and_completion_come_from_the_table(void **state)
{
    (void)state;
    const struct wf_cli_command *c;
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++) {
        assert_int_equal(RUN(NULL, "help", c->noun, c->verb), 0);
        fits_80_columns(out);
        assert_non_null(strstr(out, c->summary));
        assert_int_equal(RUN(NULL, c->noun, c->verb ? c->verb : "--help", "--help"), 0);
    }
    assert_int_equal(RUN(NULL, "help", "nothing"), WF_EXIT_USAGE);
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (int s = 0; s < 3; s++) {
        assert_int_equal(RUN(NULL, "completion", shells[s]), 0);
        for (size_t i = 0; (c = wf_cli_command_at(i)); i++)
            assert_non_null(strstr(out, c->verb ? c->verb : c->noun));
    }
    assert_int_equal(RUN(NULL, "completion", "csh"), WF_EXIT_USAGE);
}

static void bash_takes_its_completion(void **state)
{
    (void)state;
    char path[128], command[1000];
    assert_int_equal(RUN(NULL, "completion", "bash"), 0);
    snprintf(path, sizeof(path), "%s/completion", work);
    FILE *f = fopen(path, "w");
    fputs(out, f);
    fclose(f);
    snprintf(
        command, sizeof(command),
        "bash -c '. %s; COMP_WORDS=(watchfire ic o); COMP_CWORD=2; _watchfire; "
        "[ \"${COMPREPLY[*]}\" = offer ] && COMP_WORDS=(watchfire --json brief --st) && "
        "COMP_CWORD=3 && _watchfire && [ \"${COMPREPLY[*]}\" = --stale ] && "
        "COMP_WORDS=(watchfire status post INC-1 u) && COMP_CWORD=4 && _watchfire && "
        "[ \"${COMPREPLY[*]}\" = update ] && COMP_WORDS=(watchfire help ic w) && COMP_CWORD=3 && "
        "_watchfire && [ \"${COMPREPLY[*]}\" = \"withdraw who\" ] && "
        "COMP_WORDS=(watchfire incident declare -s sev4) && COMP_CWORD=4 && _watchfire && "
        "[ \"${COMPREPLY[*]}\" = sev4 ] && COMP_WORDS=(watchfire cl pro) && COMP_CWORD=2 && "
        "_watchfire && [ \"${COMPREPLY[*]}\" = promote ]'",
        path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_tells_what_comes_next),
        cmocka_unit_test(quiet_prints_the_id_alone),
        cmocka_unit_test(json_is_the_whole_answer),
        cmocka_unit_test(refusals_have_their_exit_codes),
        cmocka_unit_test(an_open_outcome_names_the_id_to_repeat),
        cmocka_unit_test(findings_show_the_passage),
        cmocka_unit_test(destruction_asks_first),
        cmocka_unit_test(a_sitrep_is_asked_for),
        cmocka_unit_test(a_sitrep_is_read_in_sections),
        cmocka_unit_test(the_record_is_verified_here),
        cmocka_unit_test(a_backup_is_checked_before_it_is_kept),
        cmocka_unit_test(a_page_of_events_names_the_next),
        cmocka_unit_test(a_watch_counts),
        cmocka_unit_test(the_status_names_who_is_short_of_disk),
        cmocka_unit_test(a_spare_is_promoted_through_its_steps),
        cmocka_unit_test(a_member_that_is_not_there_is_not_asked_for_without_end),
        cmocka_unit_test(a_promotion_whose_answer_is_lost_is_found_done),
        cmocka_unit_test(a_member_that_is_down_is_not_waited_for_without_end),
        cmocka_unit_test(a_refused_field_is_called_as_it_was_given),
        cmocka_unit_test(only_what_a_command_takes_is_offered),
        cmocka_unit_test(help_and_completion_come_from_the_table),
        cmocka_unit_test(bash_takes_its_completion),
    };
    setenv("WATCHFIRE_CONFIG", "/dev/null", 1); // not whoever runs the tests
    strcpy(work, "/tmp/wf-run-XXXXXX");
    if (!mkdtemp(work))
        return 1;
    certs = fake_node_certs();
    node = fake_node_start(&certs, on_call, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_node_stop(node);
    testcert_remove(&certs);
    free(out);
    free(errors);
    char command[100];
    snprintf(command, sizeof(command), "rm -rf '%s'", work);
    return system(command) != 0 || failed;
}
