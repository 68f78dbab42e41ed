// SPDX-License-Identifier: Apache-2.0
// Texts as numbers: equal texts have the same number, "" is 0. The owner embeds it.
#ifndef CHECK_NAMES_H
#define CHECK_NAMES_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t name_id;

struct names {
    char *text; // all of them, each with its NUL
    size_t text_len, text_cap;
    size_t *at; // where in text, by number
    size_t n, at_cap;
    name_id *table; // number + 1, by hash; 0: free
    size_t slots;   // a power of two
};

void names_init(struct names *n);
void names_free(struct names *n);

// The number of those len bytes, which hold no NUL; given to them now if they had none.
name_id names_id(struct names *n, const char *s, size_t len);

// The text with that number; valid until the next names_id().
const char *names_text(const struct names *n, name_id id);

#endif
