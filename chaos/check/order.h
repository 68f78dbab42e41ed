// SPDX-License-Identifier: Apache-2.0
// Real time against the log's order, and every read against the log up to its place. O(n log n).
// It believes the places that answers and the final log name; linear.h does not.
#ifndef CHECK_ORDER_H
#define CHECK_ORDER_H

#include "check/report.h"

// Requires an initialised verdict.
void order_check(const struct history *h, struct verdict *v);

#endif
