// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648). Pure functions, any thread.
#ifndef WF_RPC_BASE64_H
#define WF_RPC_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

// Append the standard alphabet's form of n bytes, with '=' to fill if padded. Returns as
// wf_buf_append() does.
int wf_base64_put(struct wf_buf *out, const uint8_t *data, size_t n, bool padded);

// At most this many bytes come of n characters.
#define WF_BASE64_DECODED_MAX(n) (((n) + 3) / 4 * 3)

// Decode either alphabet, padded or not, into out (WF_BASE64_DECODED_MAX(n) bytes). Returns how
// many bytes, or -1 for what is not base64.
long wf_base64_decode(const char *s, size_t n, uint8_t *out);

#endif
