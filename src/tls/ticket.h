// SPDX-License-Identifier: Apache-2.0
// The keys that session tickets are sealed with: one that seals and its predecessor, which still
// opens, changed by time. Any thread.
#ifndef WF_TLS_TICKET_H
#define WF_TLS_TICKET_H

#include <openssl/ssl.h>

#include "base/clock.h"

struct wf_ticket_keys;

// Returns NULL when out of memory or randomness.
struct wf_ticket_keys *wf_ticket_keys_new(wf_mono_ns now);
void wf_ticket_keys_free(struct wf_ticket_keys *k);

// Have ctx seal and open its tickets with k, which must outlive it.
void wf_ticket_keys_use(struct wf_ticket_keys *k, SSL_CTX *ctx);

// Change the key when it is older than WF_TICKET_MS. Returns how many were changed (0, 1; 2 when
// even the predecessor's time is over).
int wf_ticket_keys_turn(struct wf_ticket_keys *k, wf_mono_ns now);

#endif
