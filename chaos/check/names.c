// SPDX-License-Identifier: Apache-2.0
#include "check/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "check/mem.h"

enum { SLOTS_FIRST = 1024 };

static uint64_t hash_of(const char *s, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u; // FNV-1a

    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)s[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

void names_init(struct names *n)
{
    memset(n, 0, sizeof *n);
    n->slots = SLOTS_FIRST;
    n->table = mem_zeroed(n->slots, sizeof *n->table);
    names_id(n, "", 0);
}

void names_free(struct names *n)
{
    free(n->text);
    free(n->at);
    free(n->table);
    memset(n, 0, sizeof *n);
}

// The slot that holds the text, or the free one where it goes.
static name_id *slot_of(const struct names *n, const char *s, size_t len)
{
    size_t i = hash_of(s, len) & (n->slots - 1);

    while (n->table[i] != 0) {
        const char *t = n->text + n->at[n->table[i] - 1];
        if (strncmp(t, s, len) == 0 && t[len] == '\0')
            break;
        i = (i + 1) & (n->slots - 1);
    }
    return &n->table[i];
}

static void widen(struct names *n)
{
    free(n->table);
    n->slots *= 2;
    n->table = mem_zeroed(n->slots, sizeof *n->table);
    for (size_t i = 0; i < n->n; i++) {
        const char *t = n->text + n->at[i];
        *slot_of(n, t, strlen(t)) = (name_id)i + 1;
    }
}

name_id names_id(struct names *n, const char *s, size_t len)
{
    name_id *slot = slot_of(n, s, len);

    if (*slot != 0)
        return *slot - 1;
    WF_ASSERT(memchr(s, '\0', len) == NULL && n->n < UINT32_MAX - 1);
    if (n->n >= n->slots / 2) {
        widen(n);
        slot = slot_of(n, s, len);
    }
    while (n->text_cap < n->text_len + len + 1)
        n->text = mem_grow(n->text, n->text_cap, &n->text_cap, 1);
    memcpy(n->text + n->text_len, s, len);
    n->text[n->text_len + len] = '\0';
    n->at = mem_grow(n->at, n->n, &n->at_cap, sizeof *n->at);
    n->at[n->n] = n->text_len;
    n->text_len += len + 1;
    *slot = (name_id)++n->n;
    return *slot - 1;
}

const char *names_text(const struct names *n, name_id id)
{
    WF_ASSERT(id < n->n);
    return n->text + n->at[id];
}
