// SPDX-License-Identifier: Apache-2.0
// What the check of a status draft found, under the passages it is about. One thread.
#ifndef WF_CLI_FINDINGS_H
#define WF_CLI_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "watchfire/v1/common.pb-c.h"

// Print each line of the draft that a finding touches, with '^' under the passage and the advice. A
// finding outside the draft is shown by its own text.
void wf_findings_print(FILE *out, const char *draft, Watchfire__V1__DraftFinding *const *findings,
                       size_t n, bool color);

#endif
