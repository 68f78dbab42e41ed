// SPDX-License-Identifier: Apache-2.0
// Bearer tokens. The secret is drawn by the front; the state knows its SHA-256 only.
//
// Decided here:
// - Anybody with a role makes tokens for themselves, with at most the role they acted with (a token
//   cannot make a stronger one); an admin makes them for others, with at most the owner's role.
//   INGEST is less than any role: whoever may take part in incidents may make such a token.
// - Every token ends: 90 days unless asked otherwise, at most 10 years. Ended ones are dropped when
// a
//   new one is made; WF_TOKENS_MAX counts the rest, revoked ones included.
// - A token made with a token ends no later than that one, and is revoked with it (decision 0015).
// - Revoking is the owner's or an admin's; revoking again changes nothing and is no event.
// - Last use is recorded to the hour, and never before the token was made.
#ifndef WF_STATE_TOKENS_H
#define WF_STATE_TOKENS_H

#include "state/machine.h"

// "tok-17" as a number; 0 for anything else.
uint64_t wf_token_number(const char *id);

// A row of the query below, as a message of the arena.
#define WF_TOKEN_COLUMNS                                                                           \
    "t.id, t.name, t.owner, coalesce(u.kind, 0), t.role, t.scopes, t.created_at, t.created_by,"    \
    " t.expires_at, t.last_used_at, t.revoked, coalesce(m.maker, 0) FROM tokens t"                 \
    " LEFT JOIN users u ON u.name = t.owner LEFT JOIN token_makers m ON m.id = t.id"
V1(Token) * wf_token_row(struct wf_arena *a, sqlite3_stmt *q);

void wf_token_create(struct wf_op *op, const INTERNAL(CreateTokenCommand) * c);
void wf_token_revoke(struct wf_op *op, const V1(RevokeTokenRequest) * r);
// Revoke the tokens of a user who is removed, and all that were made with them.
void wf_tokens_revoke_of(struct wf_op *op, const char *owner);
void wf_token_used(struct wf_op *op, const INTERNAL(TokenUseCommand) * c);

#endif
