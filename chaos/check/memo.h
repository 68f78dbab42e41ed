// SPDX-License-Identifier: Apache-2.0
// The configurations that a search has been in. Compared whole, not by their hashes. The owner
// embeds it.
#ifndef CHECK_MEMO_H
#define CHECK_MEMO_H

#include "check/model.h"

struct memo {
    uint32_t *words; // configurations one behind the other: length of ids, ids, state
    size_t n_words, words_cap;
    struct memo_slot {
        uint32_t hash;
        uint32_t used;
        size_t at; // in words
    } * slots;
    size_t n, n_slots;
    size_t bytes; // asked of malloc
};

void memo_init(struct memo *m);
void memo_free(struct memo *m);

// Take a configuration in. False: it was there before.
bool memo_add(struct memo *m, const uint32_t *ids, uint32_t n, const struct model_state *s);

#endif
