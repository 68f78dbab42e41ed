// SPDX-License-Identifier: Apache-2.0
// Who a caller is: a certificate's identity or a bearer token, looked up in the state that this
// node has applied. One front thread's own.
//
// Answers are remembered as long as nothing has been applied since (and a second at most, since
// tokens end by the clock): a revocation that this node has applied counts at once.
#ifndef WF_API_AUTHORIZE_H
#define WF_API_AUTHORIZE_H

#include "api/api.h"
#include "api/rules.h"
#include "state/state.h"

struct wf_identities;

struct wf_identities *wf_identities_new(void); // NULL: out of memory
void wf_identities_free(struct wf_identities *ids);

// peer is the certificate's identity, authorization the header of that name or NULL; a token goes
// before a certificate. Somebody the cluster does not know has role UNSPECIFIED. Fails with
// UNAUTHENTICATED: neither shown, or a token that is unknown, revoked or expired. out stays valid
// until the next call.
int wf_identify(struct wf_api *api, const struct wf_identity *peer, const char *authorization,
                const struct wf_principal **out, struct wf_err *err);

// May they do this? PERMISSION_DENIED with the role it needs.
int wf_permit(const struct wf_rule *rule, const struct wf_principal *who,
              const ProtobufCMessage *request, struct wf_err *err);

// SHA-256 of a token's secret, as it is kept.
void wf_token_hash(const char *secret, uint8_t out[WF_HASH_SIZE]);

#endif
