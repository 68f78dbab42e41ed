// SPDX-License-Identifier: Apache-2.0
// Timestamps and durations as JSON writes them, to the nanosecond. Pure functions, any thread.
#ifndef WF_RPC_JSON_TIME_H
#define WF_RPC_JSON_TIME_H

#include <stddef.h>
#include <stdint.h>

enum { WF_JSON_TIME_SIZE = 96 };

struct wf_json_time {
    int64_t seconds;
    int32_t nanos;
};

// "2012-06-30T03:18:00.250Z" with 0, 3, 6 or 9 digits; "-1.500s". Return NULL when out of range
// (the years 0001 to 9999; 10000 years), else out.
const char *wf_json_timestamp(struct wf_json_time t, char out[WF_JSON_TIME_SIZE]);
const char *wf_json_duration(struct wf_json_time t, char out[WF_JSON_TIME_SIZE]);

// Parse; WF_OK or WF_INVALID_ARGUMENT.
int wf_json_timestamp_parse(const char *s, struct wf_json_time *out);
int wf_json_duration_parse(const char *s, struct wf_json_time *out);

#endif
