// SPDX-License-Identifier: Apache-2.0
#include "check/memo.h"

#include <stdlib.h>
#include <string.h>

#include "check/mem.h"

enum { SLOTS_FIRST = 1024, STATE_WORDS = sizeof(struct model_state) / sizeof(uint32_t) };

_Static_assert(sizeof(struct model_state) == 40, "a state is compared byte by byte: no padding");

void memo_init(struct memo *m)
{
    memset(m, 0, sizeof *m);
    m->n_slots = SLOTS_FIRST;
    m->slots = mem_zeroed(m->n_slots, sizeof *m->slots);
}

void memo_free(struct memo *m)
{
    free(m->words);
    free(m->slots);
    memset(m, 0, sizeof *m);
}

static uint32_t mix(uint64_t h, const uint32_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    return (uint32_t)h;
}

static bool same(const struct memo *m, size_t at, const uint32_t *ids, uint32_t n,
                 const struct model_state *s)
{
    const uint32_t *w = m->words + at;

    return w[0] == n && (n == 0 || memcmp(w + 1, ids, n * sizeof *ids) == 0) &&
           memcmp(w + 1 + n, s, sizeof *s) == 0;
}

static void put(struct memo *m, const void *words, size_t n)
{
    while (m->words_cap < m->n_words + n)
        m->words = mem_grow(m->words, m->words_cap, &m->words_cap, sizeof *m->words);
    if (n > 0)
        memcpy(m->words + m->n_words, words, n * sizeof *m->words);
    m->n_words += n;
}

static void widen(struct memo *m)
{
    struct memo_slot *old = m->slots;
    size_t n = m->n_slots;

    m->n_slots *= 2;
    m->slots = mem_zeroed(m->n_slots, sizeof *m->slots);
    for (size_t i = 0; i < n; i++) {
        size_t k = old[i].hash & (m->n_slots - 1);
        while (old[i].used && m->slots[k].used)
            k = (k + 1) & (m->n_slots - 1);
        if (old[i].used)
            m->slots[k] = old[i];
    }
    free(old);
}

bool memo_add(struct memo *m, const uint32_t *ids, uint32_t n, const struct model_state *s)
{
    uint32_t hash = mix(mix(n, ids, n), (const uint32_t *)s, STATE_WORDS);
    size_t i = hash & (m->n_slots - 1);

    for (; m->slots[i].used; i = (i + 1) & (m->n_slots - 1)) {
        if (m->slots[i].hash == hash && same(m, m->slots[i].at, ids, n, s))
            return false;
    }
    m->slots[i] = (struct memo_slot){.hash = hash, .used = 1, .at = m->n_words};
    put(m, &n, 1);
    put(m, ids, n);
    put(m, s, STATE_WORDS);
    if (++m->n > m->n_slots / 2)
        widen(m);
    m->bytes = m->n_slots * sizeof *m->slots + m->words_cap * sizeof *m->words;
    return true;
}
