// SPDX-License-Identifier: Apache-2.0
#include "base/address.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

bool wf_address_ok(const char *address, unsigned least)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || strlen(address) > WF_ADDRESS_MAX || strpbrk(address, " \t\n"))
        return false;
    size_t host = (size_t)(colon - address);
    bool bracketed = address[0] == '[' && colon[-1] == ']';
    const char *name = address + bracketed, *odd = bracketed ? "[]" : "[]:";
    host -= 2u * bracketed;
    if (host == 0 || strcspn(name, odd) < host)
        return false; // such as an IPv6 address without brackets: where does the port begin?
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits])
        return false;
    unsigned long port = strtoul(colon + 1, NULL, 10);
    return port >= least && port <= 65535;
}
