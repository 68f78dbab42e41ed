// SPDX-License-Identifier: Apache-2.0
#include "proto/time.h"

#include <stdlib.h>

#include "base/assert.h"

// timestamp.proto: from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z.
static const int64_t seconds_min = -62135596800, seconds_max = 253402300799;

void wf_timestamp_init(Google__Protobuf__Timestamp *t, wf_unix_ms ms)
{
    int64_t s = ms / 1000, rest = ms % 1000;

    WF_ASSERT(t != NULL);
    google__protobuf__timestamp__init(t);
    if (rest < 0) { // nanos count forward, also before 1970
        rest += 1000;
        s--;
    }
    t->seconds = s;
    t->nanos = (int32_t)rest * 1000000;
}

Google__Protobuf__Timestamp *wf_timestamp_new(wf_unix_ms ms)
{
    Google__Protobuf__Timestamp *t = malloc(sizeof *t);

    if (t != NULL)
        wf_timestamp_init(t, ms);
    return t;
}

wf_unix_ms wf_timestamp_ms(const Google__Protobuf__Timestamp *t)
{
    if (t == NULL)
        return 0;
    int64_t s = t->seconds, n = t->nanos;
    if (s < seconds_min)
        s = seconds_min;
    if (s > seconds_max)
        s = seconds_max;
    if (n < 0)
        n = 0;
    if (n > 999999999)
        n = 999999999;
    return s * 1000 + n / 1000000;
}
