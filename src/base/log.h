// SPDX-License-Identifier: Apache-2.0
// The process's log: one line per event on stderr, in logfmt or JSON. Any thread.
//
// A line has a time, a level, a message and fields. Values are escaped here, so that nothing a
// client sends can forge a line. Secrets are never passed in.
#ifndef WF_BASE_LOG_H
#define WF_BASE_LOG_H

#include <stdbool.h>

// WF_LOG_NOTHING: the least of who wants no line at all; no line has it.
enum wf_log_level { WF_LOG_DEBUG, WF_LOG_INFO, WF_LOG_WARN, WF_LOG_ERROR, WF_LOG_NOTHING };
enum wf_log_format { WF_LOG_LOGFMT, WF_LOG_JSON };

// Set once at start, before other threads exist. node is added to every line when not empty.
void wf_log_setup(enum wf_log_level least, enum wf_log_format format, const char *node);

bool wf_log_enabled(enum wf_log_level level);

// msg, then pairs of field name and printf format with its arguments packed as strings:
//   wf_log(WF_LOG_INFO, "listening", "addr", addr, "port", wf_log_i(port), NULL);
// Every argument after msg is a const char *, the list ends with NULL.
void wf_log(enum wf_log_level level, const char *msg, ...) __attribute__((sentinel));

// A number or code as a field value. The text lives in a ring of 16 per thread: use it in the call.
const char *wf_log_i(long long v);
const char *wf_log_u(unsigned long long v);

// Format one line into out (for tests and for wf_log itself); returns its length, cut to size - 1.
int wf_log_line(char *out, int size, enum wf_log_format format, enum wf_log_level level,
                const char *time, const char *node, const char *msg, const char *const fields[]);

#endif
