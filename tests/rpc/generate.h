// SPDX-License-Identifier: Apache-2.0
// Random messages of any type, from a seed.
#ifndef WF_TESTS_GENERATE_H
#define WF_TESTS_GENERATE_H

#include "rpc/bump.h"
#include "rpc/schema.h"

// Every field has a chance to be set; values lean to the edges. In memory of *a.
ProtobufCMessage *generate(const struct wf_type *t, uint64_t *seed, struct wf_bump *a);

#endif
