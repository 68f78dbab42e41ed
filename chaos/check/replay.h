// SPDX-License-Identifier: Apache-2.0
// What reads must have shown, by following the log to the place that each one names.
#ifndef CHECK_REPLAY_H
#define CHECK_REPLAY_H

#include "check/log.h"
#include "check/report.h"

// Every acknowledged read of an incident, against the log's events up to its place.
void replay_reads(const struct log *l, struct verdict *v);

// Every acknowledged get, against the put of the value it shows.
void replay_gets(const struct history *h, struct verdict *v);

#endif
