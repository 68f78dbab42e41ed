// SPDX-License-Identifier: Apache-2.0
// google.protobuf.Timestamp and our milliseconds. Pure functions, any thread.
#ifndef WF_PROTO_TIME_H
#define WF_PROTO_TIME_H

#include "base/clock.h"
#include "google/protobuf/timestamp.pb-c.h"

// Initialise *t to the time.
void wf_timestamp_init(Google__Protobuf__Timestamp *t, wf_unix_ms ms);

// A new Timestamp of the default allocator, or NULL when out of memory.
Google__Protobuf__Timestamp *wf_timestamp_new(wf_unix_ms ms);

// The time in milliseconds, cut; 0 for NULL. Seconds outside the years 0001 to 9999 and nanoseconds
// outside 0 to 999999999 become the nearest bound.
wf_unix_ms wf_timestamp_ms(const Google__Protobuf__Timestamp *t);

#endif
