// SPDX-License-Identifier: Apache-2.0
// "host:port", as people write it. Pure; any thread.
#ifndef WF_BASE_ADDRESS_H
#define WF_BASE_ADDRESS_H

#include <stdbool.h>

// A host or an IPv6 address in brackets, a colon, and a port from least to 65535; at most
// WF_ADDRESS_MAX bytes. Whether the host exists is not looked at.
bool wf_address_ok(const char *address, unsigned least);

#endif
