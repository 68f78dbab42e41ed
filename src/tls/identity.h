// SPDX-License-Identifier: Apache-2.0
// Who a certificate speaks for: the SPIFFE URI in its subject alternative name,
// spiffe://CLUSTER/node/NAME, .../user/NAME or .../service/NAME. A plain value; any thread.
#ifndef WF_TLS_IDENTITY_H
#define WF_TLS_IDENTITY_H

#include "base/limits.h"
#include "base/result.h"

enum wf_identity_kind { WF_ID_NONE, WF_ID_NODE, WF_ID_USER, WF_ID_SERVICE };

struct wf_identity {
    enum wf_identity_kind kind;
    char cluster[WF_NODE_NAME_MAX + 1];
    char name[WF_USER_NAME_MAX + 1];
};

// Parse exactly such a URI. Names are lower-case letters, digits, '-', '_' and '.', 1 to 63 bytes.
// Returns WF_OK or WF_INVALID_ARGUMENT.
int wf_identity_parse(const char *uri, struct wf_identity *out, struct wf_err *err);

// Write the URI (at most 200 bytes with its NUL).
void wf_identity_format(const struct wf_identity *id, char out[200]);

#endif
