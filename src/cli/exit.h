// SPDX-License-Identifier: Apache-2.0
// What watchfire(1) ends with (docs/cli.md has the same list for scripts).
#ifndef WF_CLI_EXIT_H
#define WF_CLI_EXIT_H

enum wf_exit {
    WF_EXIT_OK = 0,
    WF_EXIT_REFUSED = 1,     // the server said no
    WF_EXIT_USAGE = 2,       // the command line is wrong
    WF_EXIT_UNREACHABLE = 3, // no node answered, or there is no leader
    WF_EXIT_NOT_FOUND = 4,
    WF_EXIT_PERMISSION = 5, // not allowed, or the cluster does not know who you are
    WF_EXIT_CONFLICT = 6,   // it has changed meanwhile: a stale epoch, a name that is taken
    WF_EXIT_FINDINGS = 7,   // the draft promises a time, presumes a cause or shifts blame
    WF_EXIT_INVALID = 8,    // the record or the backup does not verify
    WF_EXIT_LOCAL = 9,      // this machine: a file, memory
};

// The exit code for a failed call.
enum wf_exit wf_exit_of_call(int code, const char *reason);
// The exit code for a failure on this machine, of base/result.h.
enum wf_exit wf_exit_of_local(int code);

#endif
