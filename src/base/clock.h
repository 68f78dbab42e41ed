// SPDX-License-Identifier: Apache-2.0
// Time types. Cores never read a clock: they are handed one of these.
#ifndef WF_BASE_CLOCK_H
#define WF_BASE_CLOCK_H

#include <stdint.h>

// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted. For what people and the log
// see.
typedef int64_t wf_unix_ms;

// Nanoseconds on a clock that only goes forward and means nothing across processes. For timers.
typedef uint64_t wf_mono_ns;

// The two clocks of the operating system; for shells (daemon, cli, client), never for cores.
wf_unix_ms wf_clock_unix_ms(void);
wf_mono_ns wf_clock_mono_ns(void);

enum { WF_RFC3339_SIZE = 32 };

// "2012-06-30T03:18:00Z", with ".123" when there are milliseconds. Years 0001 to 9999; outside them
// the nearest bound. Writes at most WF_RFC3339_SIZE bytes and returns out.
char *wf_rfc3339(wf_unix_ms t, char out[WF_RFC3339_SIZE]);

// Parse RFC 3339, any offset, up to nine digits of fraction (cut to milliseconds), also the offset
// without a colon that PagerDuty's clients send. Returns WF_OK or WF_INVALID_ARGUMENT.
int wf_rfc3339_parse(const char *s, wf_unix_ms *out);

#endif
