// SPDX-License-Identifier: Apache-2.0
// Why watchfired ends: one code for each thing that a person has to do something about. Part of the
// interface: docs/operations.md lists them, the systemd unit does not restart on some.
#ifndef WF_DAEMON_EXIT_H
#define WF_DAEMON_EXIT_H

#include "base/result.h"

// clang-format off
#define WF_EXITS(X) \
    X(OK,             0,  "stopped as asked") \
    X(USAGE,          64, "the command line is wrong") \
    X(LOG_UNREADABLE, 65, "the raft log or the state cannot be read") \
    X(NO_DATA,        66, "the data directory is empty and nothing says what to do about it") \
    X(REFUSED,        67, "beginning, joining, restoring or an older program was refused") \
    X(DISK_FULL,      68, "the disk is full") \
    X(DISK_FAILED,    69, "a write or fsync failed") \
    X(INTERNAL,       70, "something else failed") \
    X(DIR_LOCKED,     71, "another process has the data directory") \
    X(PORT_IN_USE,    73, "the port is in use") \
    X(TLS,            74, "certificate, key or CA are missing, expired or do not fit") \
    X(WRONG_IDENTITY, 75, "the data directory belongs to another node or cluster") \
    X(FENCED,         76, "the state differs from the others' and cannot be re-seeded") \
    X(PERMISSIONS,    77, "a file or directory has the wrong owner or mode") \
    X(CONFIG,         78, "the configuration is wrong") \
    X(REMOVED,        79, "the node was removed from its cluster")
// clang-format on

enum wf_exit {
#define WF_EXIT_ENUM(name, code, text) WF_EXIT_##name = code,
    WF_EXITS(WF_EXIT_ENUM)
#undef WF_EXIT_ENUM
};

// The code an error stands for, by its reason and then its code.
enum wf_exit wf_exit_of(const struct wf_err *err);

#endif
