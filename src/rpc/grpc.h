// SPDX-License-Identifier: Apache-2.0
// The texts of gRPC's headers and trailers (grpc/doc/PROTOCOL-HTTP2.md). Pure functions, any
// thread.
#ifndef WF_RPC_GRPC_H
#define WF_RPC_GRPC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

// "250m": one to eight digits and a unit of H, M, S, m, u, n; in nanoseconds, as much as fits.
// Returns WF_OK or WF_INVALID_ARGUMENT.
int wf_grpc_timeout_parse(const char *s, uint64_t *ns);

enum { WF_GRPC_TIMEOUT_SIZE = 16 };
// The finest unit that fits in eight digits; cut, never longer than ns. Returns out.
char *wf_grpc_timeout_format(uint64_t ns, char out[WF_GRPC_TIMEOUT_SIZE]);

// grpc-message: UTF-8, percent-encoded.
int wf_grpc_message_put(struct wf_buf *out, const char *text);
// Decode in place; what is no escape stays as it is. Bytes that are not UTF-8 become '?'.
void wf_grpc_message_decode(char *text);

// grpc-status-details-bin: base64 of a google.rpc.Status with one detail, a packed message of the
// type with that full name.
struct wf_detail {
    const char *type;
    const uint8_t *data;
    size_t len;
};
int wf_grpc_details_put(struct wf_buf *out, int code, const char *msg,
                        const struct wf_detail *detail);
// Find the detail of that type in the header's value. The bytes go to memory of *scratch. False
// when there is none.
bool wf_grpc_details_find(const char *value, const char *type, struct wf_buf *scratch,
                          struct wf_detail *out);

#endif
