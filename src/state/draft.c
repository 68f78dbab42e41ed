// SPDX-License-Identifier: Apache-2.0
#include "state/draft.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "state/messages.h"

static bool is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

const char *wf_draft_advice(int kind)
{
    switch (kind) {
    case FINDING_ETA:
        return "Promises a time of recovery. Say what is being done, and when the next update "
               "comes.";
    case FINDING_CAUSE:
        return "Presumes to know the cause. Say what is affected; the cause belongs in the "
               "post-mortem.";
    default:
        WF_ASSERT(kind == FINDING_BLAME);
        return "Shifts blame. Customers chose us: say what we are doing about it.";
    }
}

size_t wf_draft_check(const char *body, struct wf_draft_finding out[WF_DRAFT_FINDINGS_MAX])
{
    (void)is_word;
    (void)body;
    (void)out;
    return 0;
}

Watchfire__V1__DraftFinding *wf_draft_message(struct wf_arena *a, const char *body,
                                              const struct wf_draft_finding *f)
{
    V1(DraftFinding) *m = wf_arena_alloc(a, sizeof *m);

    watchfire__v1__draft_finding__init(m);
    m->kind = (V1(DraftFindingKind))f->kind;
    m->start = f->start;
    m->length = f->length;
    m->text = wf_arena_cut(a, body + f->start, f->length);
    m->advice = (char *)wf_draft_advice(f->kind);
    return m;
}
