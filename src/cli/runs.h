// SPDX-License-Identifier: Apache-2.0
// Commands that do more than one call and one answer. Each returns an exit code (cli/exit.h).
#ifndef WF_CLI_RUNS_H
#define WF_CLI_RUNS_H

struct wf_cli;

int wf_cli_run_brief(struct wf_cli *cli);
int wf_cli_run_claim(struct wf_cli *cli);
int wf_cli_run_sitrep(struct wf_cli *cli);
int wf_cli_run_sitrep_show(struct wf_cli *cli);
int wf_cli_run_whoami(struct wf_cli *cli);
int wf_cli_run_check(struct wf_cli *cli);
int wf_cli_run_watch(struct wf_cli *cli);
int wf_cli_run_verify(struct wf_cli *cli);
int wf_cli_run_export(struct wf_cli *cli);
int wf_cli_run_status(struct wf_cli *cli);
int wf_cli_run_promote(struct wf_cli *cli);
int wf_cli_run_backup(struct wf_cli *cli);
int wf_cli_run_restore(struct wf_cli *cli);
int wf_cli_run_init(struct wf_cli *cli);
int wf_cli_run_completion(struct wf_cli *cli);
int wf_cli_run_version(struct wf_cli *cli);
int wf_cli_run_help(struct wf_cli *cli);

#endif
