// SPDX-License-Identifier: Apache-2.0
// The reader of histories, and the checkers: none asserts, reads past its ends or runs on.
// links: wf_chaos_check
#include "base/assert.h"
#include "check/gaps.h"
#include "check/invariants.h"
#include "check/linear.h"
#include "check/order.h"

enum { LOOKS_MAX = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool soon_over(void *looks)
{
    return ++*(int *)looks > LOOKS_MAX;
}

static void check_all(const struct history *h)
{
    int looks = 0;
    const struct linear_limits limits = {soon_over, &looks, 64 * 1024 * 1024};

    for (int i = 0; i < 3; i++) {
        struct verdict v;
        struct wf_buf b;
        verdict_init(&v, "checker");
        if (i == 0)
            order_check(h, &v);
        else if (i == 1)
            linear_check(h, &limits, &v);
        else
            invariants_check(h, &v);
        wf_buf_init(&b, 1024 * 1024);
        report_text(&v, &b);
        WF_ASSERT(!b.failed && b.len > 0);
        wf_buf_free(&b);
        verdict_free(&v);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history h;
    struct wf_err err;

    history_init(&h);
    if (history_parse(&h, "input", (const char *)data, size, &err) == WF_OK) {
        struct gaps g = gaps_of(&h);
        WF_ASSERT(g.acknowledged + g.refused + g.unknown == h.n_ops);
        check_all(&h);
    } else {
        WF_ASSERT(err.code == WF_INVALID_ARGUMENT && err.msg[0] != '\0');
    }
    history_free(&h);
    return 0;
}
