// SPDX-License-Identifier: Apache-2.0
// The promises that a history shows directly, numbered as in docs (D1 to D8 of the fault matrix):
// acknowledged writes exactly once in every final log, refused ones never (D1, D2); one leader per
// term (D3); equal logs and digests at equal index (D4, D5); legal edges (D6); one commander at
// every place, epochs rising (D7); times never going back, chains whole (D8).
#ifndef CHECK_INVARIANTS_H
#define CHECK_INVARIANTS_H

#include "check/report.h"

// Requires an initialised verdict.
void invariants_check(const struct history *h, struct verdict *v);

#endif
