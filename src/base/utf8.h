// SPDX-License-Identifier: Apache-2.0
// Text as it may enter the system: well-formed UTF-8 (RFC 3629), no NUL.
#ifndef WF_BASE_UTF8_H
#define WF_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

// Length of the longest well-formed prefix of s[0..n): n itself if all of it is. Overlong forms,
// surrogates, code points past U+10FFFF and NUL end the prefix.
size_t wf_utf8_valid_prefix(const char *s, size_t n);

bool wf_utf8_valid(const char *s, size_t n);

// Number of code points. Requires valid UTF-8.
size_t wf_utf8_length(const char *s, size_t n);

#endif
