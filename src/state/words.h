// SPDX-License-Identifier: Apache-2.0
// A sentence as words, and patterns of words, for the check of drafts (state/draft.h). ASCII
// letters are folded, everything else is taken as it is; no locale, no allocation.
//
// A pattern is elements separated by single spaces:
//   back|online   one word, one of these; fail* by its beginning
//   ?the          such a word, or nothing
//   &current|old  up to four such words
//   _             up to three words of any kind
//   #span #clock #day #who   a span of time, a time of day, a day, a provider
#ifndef WF_STATE_WORDS_H
#define WF_STATE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WF_SENTENCE_WORDS = 200 }; // a longer sentence is looked at in parts

struct wf_word {
    uint32_t start; // in the text
    uint32_t end;
    char text[22];  // lower-case, a typographic apostrophe as ', cut
    uint8_t clause; // commas, "and", "or", "but" begin another
};

struct wf_sentence {
    struct wf_word words[WF_SENTENCE_WORDS];
    int n;
};

// Read the next sentence from text[*at..len) and move *at past it. False at the end of the text.
bool wf_sentence_next(const char *text, size_t len, size_t *at, struct wf_sentence *s);

// Match a pattern at word i: the index after it, or -1.
int wf_words_match(const struct wf_sentence *s, const char *pattern, int i);

// Whether word i is one of these alternatives ("not|no|never").
bool wf_word_is(const struct wf_sentence *s, const char *alternatives, int i);

// Whether any of the n words before i (after i, for a negative n) is.
bool wf_word_near(const struct wf_sentence *s, const char *alternatives, int i, int n);

#endif
