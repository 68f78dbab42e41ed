// SPDX-License-Identifier: Apache-2.0
#include "tls/per_address.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/assert.h"

enum { BUCKETS = 1024 }; // some twenty addresses each when every connection has its own

struct guest {
    struct guest *next;
    uint64_t key;
    unsigned n;
};

struct wf_per_address {
    unsigned max;
    uint64_t seed; // odd; nobody outside can fill one bucket
    struct guest *buckets[BUCKETS];
};

struct wf_per_address *wf_per_address_new(unsigned max)
{
    WF_ASSERT(max > 0);
    struct wf_per_address *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->max = max;
    ssize_t n = getrandom(&p->seed, sizeof p->seed, GRND_NONBLOCK);
    WF_ASSERT(n == sizeof p->seed || n < 0); // early in the boot there may be none
    p->seed |= 1;
    return p;
}

void wf_per_address_free(struct wf_per_address *p)
{
    for (unsigned i = 0; p && i < BUCKETS; i++)
        WF_ASSERT(p->buckets[i] == NULL);
    free(p);
}

uint64_t wf_per_address_key(const struct sockaddr *from)
{
    // ::ffff:0:0/32 belongs to no /64 that anybody is given.
    const uint64_t v4 = 0x0000ffff00000000;
    uint64_t key = 0;
    if (from->sa_family == AF_INET)
        return v4 | ntohl(((const struct sockaddr_in *)from)->sin_addr.s_addr);
    WF_ASSERT(from->sa_family == AF_INET6);
    const uint8_t *a = ((const struct sockaddr_in6 *)from)->sin6_addr.s6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)from)->sin6_addr);
    for (int i = mapped ? 12 : 0; i < (mapped ? 16 : 8); i++)
        key = key << 8 | a[i];
    return mapped ? v4 | key : key;
}

static struct guest **find(struct wf_per_address *p, uint64_t key)
{
    struct guest **at = &p->buckets[(key * p->seed) >> 54];
    while (*at && (*at)->key != key)
        at = &(*at)->next;
    return at;
}

bool wf_per_address_enter(struct wf_per_address *p, uint64_t key)
{
    struct guest **at = find(p, key);
    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (!*at)
            return false;
        (*at)->key = key;
    }
    if ((*at)->n >= p->max)
        return false;
    (*at)->n++;
    return true;
}

void wf_per_address_leave(struct wf_per_address *p, uint64_t key)
{
    struct guest **at = find(p, key), *g = *at;
    WF_ASSERT(g != NULL && g->n > 0);
    if (--g->n > 0)
        return;
    *at = g->next;
    free(g);
}
