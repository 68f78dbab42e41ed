// SPDX-License-Identifier: Apache-2.0
// watchfire log verify and export: the chain is checked here, whatever the server says of it.
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "base/progress.h"
#include "cli/record.h"
#include "cli/runs.h"
#include "watchfire/v1/log.pb-c.h"

static FILE *bar_stream(const struct wf_cli *cli)
{
    return cli->terminal_err && !cli->quiet ? cli->err : NULL;
}

static int report_chain(struct wf_cli *cli, const struct wf_record_chain *chain)
{
    char hex[WF_HASH_HEX_SIZE];
    wf_hex(chain->head, sizeof(chain->head), hex);
    if (cli->quiet)
        fprintf(cli->out, "%s\n", hex);
    else if (cli->printer.format == WF_PRINT_HUMAN)
        fprintf(cli->out, "The chain holds: %" PRIu64 " events\nHead: %s\n", chain->seq, hex);
    else
        fprintf(cli->out,
                cli->printer.format == WF_PRINT_JSON
                    ? "{\"valid\": true, \"events\": \"%" PRIu64 "\", \"head\": \"%s\"}\n"
                    : "valid: true\nevents: \"%" PRIu64 "\"\nhead: %s\n",
                chain->seq, hex);
    return WF_EXIT_OK;
}

// --- from the cluster ----------------------------------------------------------------------------

// Check one message's records, and write them to f unless it is NULL.
static int take_records(const Watchfire__V1__ExportLogResponse *m, struct wf_record_chain *chain,
                        FILE *f, struct wf_err *err)
{
    int rc = WF_OK;
    for (size_t i = 0; rc == WF_OK && i < m->n_records; i++) {
        const Watchfire__V1__LogRecord *r = m->records[i];
        rc = wf_record_next(chain, r->canonical.data, r->canonical.len, r->hash.data, r->hash.len,
                            err);
        if (rc == WF_OK && f)
            rc = wf_record_write(f, r->canonical.data, r->canonical.len, r->hash.data, err);
    }
    return rc;
}

static int take_stream(struct wf_cli *cli, struct wf_client_reader *reader,
                       struct wf_record_chain *chain, FILE *f)
{
    struct wf_progress bar;
    wf_progress_begin(&bar, bar_stream(cli), f ? "Exporting" : "Verifying", false,
                      wf_clock_mono_ns());
    struct wf_client_error err = WF_CLIENT_ERROR_INIT;
    ProtobufCMessage *message = NULL;
    struct wf_err why;
    uint64_t promised = 0;
    int rc = WF_OK, called;
    while (rc == WF_OK && (called = wf_client_read(reader, &message, 0, &err)) == WF_CLIENT_OK &&
           message) {
        const Watchfire__V1__ExportLogResponse *m = (const void *)message;
        promised = m->last_seq;
        rc = take_records(m, chain, f, &why);
        wf_progress_step(&bar, chain->seq, promised, wf_clock_mono_ns());
        protobuf_c_message_free_unpacked(message, NULL);
    }
    wf_progress_end(&bar);
    if (rc == WF_OK && called == WF_CLIENT_OK && chain->seq < promised)
        rc = wf_fail_reason(&why, WF_DATA_LOSS, "BROKEN_CHAIN",
                            "the node sent events up to %" PRIu64 " of %" PRIu64, chain->seq,
                            promised);
    int code = rc != WF_OK              ? wf_cli_report_local(cli, &why)
               : called != WF_CLIENT_OK ? wf_cli_report_call(cli, &err, NULL)
                                        : WF_EXIT_OK;
    wf_client_error_clear(&err);
    return code;
}

static int from_cluster(struct wf_cli *cli, struct wf_record_chain *chain, FILE *f)
{
    ProtobufCMessage *request;
    struct wf_client_reader *reader;
    wf_record_begin(chain);
    int code = wf_cli_request(cli, &request);
    if (code != WF_EXIT_OK)
        return code;
    code = wf_cli_stream(cli, request, &reader);
    protobuf_c_message_free_unpacked(request, NULL);
    if (code != WF_EXIT_OK)
        return code;
    code = take_stream(cli, reader, chain, f);
    wf_client_read_close(reader);
    return code;
}

// --- from a file ---------------------------------------------------------------------------------

struct reading {
    struct wf_progress bar;
    uint64_t size;
};

static void on_progress(void *ctx, uint64_t bytes)
{
    struct reading *r = ctx;
    wf_progress_step(&r->bar, bytes, r->size, wf_clock_mono_ns());
}

static int verify_file(struct wf_cli *cli, const char *path)
{
    struct wf_err err;
    struct wf_record_chain chain;
    FILE *f = strcmp(path, "-") == 0 ? cli->in : fopen(path, "re");
    if (!f) {
        wf_fail(&err, wf_code_from_errno(errno), "cannot read %s: %s", path, strerror(errno));
        fprintf(cli->err, "watchfire: %s\n", err.msg);
        return WF_EXIT_LOCAL;
    }
    struct stat st;
    struct reading r = {.size = fileno(f) >= 0 && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)
                                    ? (uint64_t)st.st_size
                                    : 0};
    wf_progress_begin(&r.bar, bar_stream(cli), "Verifying", true, wf_clock_mono_ns());
    int rc = wf_record_verify_file(f, &chain, on_progress, &r, &err);
    wf_progress_end(&r.bar);
    if (f != cli->in)
        fclose(f);
    if (rc == WF_OK)
        return report_chain(cli, &chain);
    wf_wrap(&err, rc, "%s", f == cli->in ? "standard input" : path);
    return wf_cli_report_local(cli, &err);
}

// --- the commands --------------------------------------------------------------------------------

int wf_cli_run_verify(struct wf_cli *cli)
{
    const char *path = wf_cli_args_get(&cli->args, "FILE");
    if (path)
        return verify_file(cli, path);
    struct wf_record_chain chain;
    int code = from_cluster(cli, &chain, NULL);
    return code == WF_EXIT_OK ? report_chain(cli, &chain) : code;
}

int wf_cli_run_export(struct wf_cli *cli)
{
    const char *path = wf_cli_args_get(&cli->args, "FILE");
    bool to_out = strcmp(path, "-") == 0;
    struct wf_file_draft draft = {0};
    struct wf_record_chain chain;
    struct wf_err err;
    if (!to_out && wf_file_begin(&draft, path, 0600, &err) != WF_OK)
        return wf_cli_report_local(cli, &err);
    FILE *f = to_out ? cli->out : draft.f;
    int code = wf_record_write_head(f, &err) == WF_OK ? from_cluster(cli, &chain, f)
                                                      : wf_cli_report_local(cli, &err);
    if (to_out)
        return code;
    if (code != WF_EXIT_OK) {
        wf_file_abort(&draft);
        return code;
    }
    if (wf_file_commit(&draft, wf_cli_args_get(&cli->args, "force"), &err) != WF_OK)
        return wf_cli_report_local(cli, &err);
    code = report_chain(cli, &chain);
    wf_cli_hint(cli, "anybody checks it with:\nwatchfire log verify {FILE}", NULL);
    return code;
}
