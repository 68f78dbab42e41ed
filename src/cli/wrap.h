// SPDX-License-Identifier: Apache-2.0
// Text in the columns of a terminal: how many it takes, and where its lines end. Pure functions,
// any thread; the text is valid UTF-8 without control characters but newlines.
#ifndef WF_CLI_WRAP_H
#define WF_CLI_WRAP_H

#include <stddef.h>
#include <stdio.h>

// The columns that len bytes of text take: two for East Asian wide characters and emoji, none for
// what combines with the character before.
unsigned wf_wrap_width(const char *text, size_t len);

// Print text and a newline. Lines end before the width-th column (0: only at newlines), between
// words or between wide characters; a word that is longer than a line stays whole, so that an
// address can be copied. Each further line begins with indent spaces, and the first stands behind
// that many columns already.
void wf_wrap_print(FILE *out, const char *text, unsigned indent, unsigned width);

#endif
