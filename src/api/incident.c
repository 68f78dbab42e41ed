// SPDX-License-Identifier: Apache-2.0
// IncidentService beyond commands and queries: the check of a draft, which needs no state.
#include <string.h>

#include "api/context.h"
#include "api/rules.h"
#include "state/draft.h"
#include "watchfire/v1/incident.pb-c.h"

void wf_check_draft(struct wf_api *api, struct wf_call *call, const struct wf_principal *who)
{
    const Watchfire__V1__CheckDraftRequest *q = (const void *)wf_call_request(call);
    Watchfire__V1__CheckDraftResponse r = WATCHFIRE__V1__CHECK_DRAFT_RESPONSE__INIT;
    struct wf_draft_finding found[WF_DRAFT_FINDINGS_MAX];
    Watchfire__V1__DraftFinding findings[WF_DRAFT_FINDINGS_MAX], *pointers[WF_DRAFT_FINDINGS_MAX];
    char text[WF_BODY_MAX + WF_DRAFT_FINDINGS_MAX]; // the findings of one kind do not overlap,
    size_t used = 0;                                // those of several may: cut at the end
    (void)who;
    if (strlen(q->body) > WF_BODY_MAX) {
        struct wf_err err;
        wf_fail_reason(&err, WF_INVALID_ARGUMENT, "TOO_LONG", "body: a draft has at most %d bytes",
                       WF_BODY_MAX);
        wf_api_fail(api, call, &err);
        return;
    }
    r.n_findings = wf_draft_check(q->body, found);
    r.findings = pointers;
    for (size_t i = 0; i < r.n_findings; i++) {
        size_t room = sizeof text - used - 1, n = found[i].length;
        n = n < room ? n : room;
        watchfire__v1__draft_finding__init(&findings[i]);
        findings[i].kind = (Watchfire__V1__DraftFindingKind)found[i].kind;
        findings[i].start = found[i].start;
        findings[i].length = found[i].length;
        findings[i].text = memcpy(text + used, q->body + found[i].start, n);
        text[used + n] = 0;
        used += room > n ? n + 1 : n;
        findings[i].advice = (char *)wf_draft_advice(found[i].kind);
        pointers[i] = &findings[i];
    }
    wf_call_reply(call, &r.base);
}
