// SPDX-License-Identifier: Apache-2.0
// How many connections each address has, so that no client can take them all. An IPv4 address is
// counted by itself, an IPv6 one by its /64, which one client may have all of. One thread.
#ifndef WF_TLS_PER_ADDRESS_H
#define WF_TLS_PER_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct wf_per_address;

// NULL when out of memory.
struct wf_per_address *wf_per_address_new(unsigned max);
// Requires that all have left. NULL is nothing.
void wf_per_address_free(struct wf_per_address *p);

// What an address is counted as; an IPv4 address inside IPv6 is the IPv4 one. Pure.
uint64_t wf_per_address_key(const struct sockaddr *from);

// One more of this key; false when it has max already, or there is no memory.
bool wf_per_address_enter(struct wf_per_address *p, uint64_t key);
// One less. Requires that it has entered.
void wf_per_address_leave(struct wf_per_address *p, uint64_t key);

#endif
