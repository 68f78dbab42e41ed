// SPDX-License-Identifier: Apache-2.0
// watchfire cluster status, backup and restore.
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "base/progress.h"
#include "cli/runs.h"
#include "cli/text.h"
#include "cli/wrap.h"
#include "watchfire/v1/cluster.pb-c.h"

// --- status --------------------------------------------------------------------------------------

static const char WARNING[] = "Warning: ";

static void put_status(struct wf_cli *cli, const Watchfire__V1__GetStatusResponse *s)
{
    wf_cli_line(cli, "{cluster_name}, as {node} ({state}, {version}) sees it", &s->base);
    wf_cli_line(cli,
                s->leader[0] ? "Leader {leader}, term {term}; committed {commit_index}, applied "
                               "{applied_index}, event {last_seq}"
                             : "NO LEADER, term {term}; committed {commit_index}, applied "
                               "{applied_index}, event {last_seq}",
                &s->base);
    if (!s->quorum)
        wf_cli_line(cli, "NO QUORUM: nothing can be written; reads work with --stale", NULL);
    if (s->fence_reason[0])
        wf_cli_line(cli, "FENCED: {fence_reason}", &s->base);
    if (s->catch_up_percent >= 0)
        wf_cli_line(cli, "Catching up: {catch_up_percent} %", &s->base);
    const ProtobufCFieldDescriptor *members =
        protobuf_c_message_descriptor_get_field_by_name(s->base.descriptor, "members");
    fputc('\n', cli->out);
    wf_print_list(&cli->printer, &s->base, members, 0);
    for (size_t i = 0; i < s->n_warnings; i++) {
        struct wf_buf line;
        wf_buf_init(&line, 4096);
        wf_text_clean(&line, s->warnings[i], strlen(s->warnings[i]), true);
        const char *text = wf_buf_cstr(&line);
        fputs(WARNING, cli->out);
        wf_wrap_print(cli->out, text ? text : "", sizeof(WARNING) - 1, cli->printer.width);
        wf_buf_free(&line);
    }
}

static int show_status(struct wf_cli *cli, const ProtobufCMessage *response)
{
    put_status(cli, (const Watchfire__V1__GetStatusResponse *)response);
    return WF_EXIT_OK;
}

int wf_cli_run_status(struct wf_cli *cli)
{
    if (cli->quiet || cli->printer.format != WF_PRINT_HUMAN)
        return wf_cli_default_run(cli);
    return wf_cli_run_shown(cli, show_status);
}

// --- backup --------------------------------------------------------------------------------------

struct backup {
    struct wf_file_draft draft;
    struct wf_hash hash;
    uint64_t done, total, index;
    uint8_t is[WF_HASH_SIZE];
    bool complete; // the last message came, and fits
};

static int take_chunk(struct backup *b, const Watchfire__V1__BackupResponse *m, struct wf_err *err)
{
    if (m->chunk.len > 0 && fwrite(m->chunk.data, 1, m->chunk.len, b->draft.f) != m->chunk.len)
        return wf_fail(err, wf_code_from_errno(errno), "cannot write %s: %s", b->draft.path,
                       strerror(errno));
    wf_hash_update(&b->hash, m->chunk.data, m->chunk.len);
    b->done += m->chunk.len;
    b->total = m->total;
    if (m->sha256.len == 0)
        return WF_OK;
    struct wf_hash copy = b->hash;
    wf_hash_final(&copy, b->is);
    b->hash.ctx = NULL;
    b->complete = m->sha256.len == WF_HASH_SIZE && !memcmp(b->is, m->sha256.data, WF_HASH_SIZE) &&
                  b->done == b->total;
    b->index = m->index;
    return b->complete ? WF_OK
                       : wf_fail(err, WF_DATA_LOSS,
                                 "the backup came damaged: its checksum does not "
                                 "fit; try again");
}

static int take_backup(struct wf_cli *cli, struct wf_client_reader *reader, struct backup *b)
{
    struct wf_progress bar;
    wf_progress_begin(&bar, cli->terminal_err && !cli->quiet ? cli->err : NULL, "Backing up", true,
                      wf_clock_mono_ns());
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    ProtobufCMessage *message = NULL;
    struct wf_err why;
    int rc = WF_OK, called;
    while (rc == WF_OK && (called = wf_client_read(reader, &message, 0, &err)) == WF_CLIENT_OK &&
           message) {
        rc = b->complete ? wf_fail(&why, WF_DATA_LOSS, "the backup goes on behind its end")
                         : take_chunk(b, (const void *)message, &why);
        wf_progress_step(&bar, b->done, b->total, wf_clock_mono_ns());
        protobuf_c_message_free_unpacked(message, NULL);
    }
    wf_progress_end(&bar);
    if (rc == WF_OK && called == WF_CLIENT_OK && !b->complete)
        rc = wf_fail(&why, WF_DATA_LOSS, "the backup was cut off; try again");
    int code = rc != WF_OK              ? wf_cli_report_local(cli, &why)
               : called != WF_CLIENT_OK ? wf_cli_report_call(cli, &err, NULL)
                                        : WF_EXIT_OK;
    wf_client_error_clear(&err);
    return code;
}

static void report_backup(struct wf_cli *cli, const struct backup *b)
{
    char hex[WF_HASH_HEX_SIZE];
    wf_hex(b->is, sizeof(b->is), hex);
    struct wf_buf size;
    wf_buf_init(&size, 64);
    wf_buf_put_size(&size, b->total);
    const char *text = wf_buf_cstr(&size), *file = wf_cli_args_get(&cli->args, "FILE");
    if (cli->quiet)
        fprintf(cli->out, "%s\n", hex);
    else if (cli->printer.format == WF_PRINT_HUMAN)
        fprintf(cli->out, "Wrote %s: %s, index %" PRIu64 "\nSHA-256: %s\n", file, text ? text : "",
                b->index, hex);
    else
        fprintf(cli->out,
                cli->printer.format == WF_PRINT_JSON
                    ? "{\"bytes\": \"%" PRIu64 "\", \"index\": \"%" PRIu64
                      "\", \"sha256\": \"%s\"}\n"
                    : "bytes: \"%" PRIu64 "\"\nindex: \"%" PRIu64 "\"\nsha256: %s\n",
                b->total, b->index, hex);
    wf_buf_free(&size);
    wf_cli_hint(cli,
                "keep it on another machine; each founder begins anew from it with:\n"
                "watchfire cluster restore {FILE} --config /etc/watchfire/watchfired.yaml",
                NULL);
}

static int fetch_backup(struct wf_cli *cli, struct backup *b)
{
    ProtobufCMessage *request;
    struct wf_client_reader *reader;
    int code = wf_cli_request(cli, &request);
    if (code != WF_EXIT_OK)
        return code;
    code = wf_cli_stream(cli, request, &reader);
    protobuf_c_message_free_unpacked(request, NULL);
    if (code != WF_EXIT_OK)
        return code;
    wf_hash_init(&b->hash);
    code = take_backup(cli, reader, b);
    wf_client_read_close(reader);
    if (b->hash.ctx) {
        uint8_t unused[WF_HASH_SIZE];
        wf_hash_final(&b->hash, unused);
    }
    return code;
}

int wf_cli_run_backup(struct wf_cli *cli)
{
    const char *path = wf_cli_args_get(&cli->args, "FILE");
    bool force = wf_cli_args_get(&cli->args, "force");
    struct backup b = {0};
    struct wf_err err;
    if (!force && access(path, F_OK) == 0) {
        wf_fail(&err, WF_ALREADY_EXISTS, "%s is there already; --force replaces it", path);
        return wf_cli_report_local(cli, &err);
    }
    if (wf_file_begin(&b.draft, path, 0600, &err) != WF_OK)
        return wf_cli_report_local(cli, &err);
    int code = fetch_backup(cli, &b);
    if (code != WF_EXIT_OK) {
        wf_file_abort(&b.draft);
        return code;
    }
    if (wf_file_commit(&b.draft, force, &err) != WF_OK)
        return wf_cli_report_local(cli, &err);
    report_backup(cli, &b);
    return WF_EXIT_OK;
}

// --- restore -------------------------------------------------------------------------------------

// "SQLite format 3" and a NUL: the first bytes of every SQLite file
// (sqlite.org/fileformat2.html 1.3).
static int check_backup(const char *path, struct wf_err *err)
{
    char head[16];
    FILE *f = fopen(path, "re");
    if (!f)
        return wf_fail(err, wf_code_from_errno(errno), "cannot read %s: %s", path, strerror(errno));
    size_t n = fread(head, 1, sizeof(head), f);
    fclose(f);
    if (n != sizeof(head) || memcmp(head, "SQLite format 3", sizeof(head)) != 0)
        return wf_fail(err, WF_DATA_LOSS, "%s is no backup of `watchfire cluster backup`", path);
    return WF_OK;
}

// The daemon beside this program (bin, or sbin next to it), else whatever PATH has.
static void find_daemon(char *out, size_t size)
{
    char self[4096], *dir;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = '\0';
        dir = dirname(self);
        static const char *const places[] = {"%s/watchfired", "%s/../sbin/watchfired"};
        for (int i = 0; i < 2; i++) {
            snprintf(out, size, places[i], dir);
            if (access(out, X_OK) == 0)
                return;
        }
    }
    snprintf(out, size, "watchfired");
}

// Behind FILE every word is the daemon's, but "-y" is ours: where it is asked for it is appended.
static bool is_yes(const char *word)
{
    return strcmp(word, "-y") == 0 || strcmp(word, "--yes") == 0;
}

static char **daemon_arguments(struct wf_cli *cli, char *program)
{
    size_t more = 0;
    while (wf_cli_args_at(&cli->args, "ARGUMENTS", more))
        more++;
    char **argv = calloc(more + 5, sizeof(*argv));
    if (!argv)
        return NULL;
    argv[0] = program;
    argv[1] = (char *)"restore";
    argv[2] = (char *)"--from";
    argv[3] = (char *)wf_cli_args_get(&cli->args, "FILE");
    for (size_t i = 0, n = 4; i < more; i++) {
        const char *word = wf_cli_args_at(&cli->args, "ARGUMENTS", i);
        if (!is_yes(word))
            argv[n++] = (char *)word;
    }
    return argv;
}

int wf_cli_run_restore(struct wf_cli *cli)
{
    struct wf_err err;
    char program[4200];
    if (check_backup(wf_cli_args_get(&cli->args, "FILE"), &err) != WF_OK)
        return wf_cli_report_local(cli, &err);
    const char *word;
    for (size_t i = 0; (word = wf_cli_args_at(&cli->args, "ARGUMENTS", i)); i++)
        cli->yes = cli->yes || is_yes(word);
    int code = wf_cli_confirm(cli);
    if (code != WF_EXIT_OK)
        return code;
    find_daemon(program, sizeof(program));
    char **argv = daemon_arguments(cli, program);
    if (argv) {
        fflush(cli->out);
        fflush(cli->err);
        execvp(program, argv);
    }
    wf_fail(&err, wf_code_from_errno(errno), "cannot run %s: %s", program, strerror(errno));
    free(argv);
    return wf_cli_report_local(cli, &err);
}
