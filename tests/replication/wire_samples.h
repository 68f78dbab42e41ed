// SPDX-License-Identifier: Apache-2.0
// One message of every kind with every field set, for the tests of the wire format and of the
// links.
#ifndef WF_TESTS_WIRE_SAMPLES_H
#define WF_TESTS_WIRE_SAMPLES_H

#include "replication/wire.h"

enum { WIRE_SAMPLES = 19 };

// The i-th message, 0 <= i < WIRE_SAMPLES. Its bytes and arrays are static.
void wire_sample(unsigned i, struct wf_msg *out);

#endif
