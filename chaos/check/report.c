// SPDX-License-Identifier: Apache-2.0
#include "check/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

enum { PROBLEM_MAX = 8192, VALUE_SHOWN = 60 };

void verdict_init(struct verdict *v, const char *checker)
{
    memset(v, 0, sizeof *v);
    v->checker = checker;
    for (int i = 0; i < REPORT_PROBLEMS_MAX; i++)
        wf_buf_init(&v->problems[i], PROBLEM_MAX);
}

void verdict_free(struct verdict *v)
{
    for (int i = 0; i < REPORT_PROBLEMS_MAX; i++)
        wf_buf_free(&v->problems[i]);
}

void verdict_problem(struct verdict *v, const char *fmt, ...)
{
    char text[PROBLEM_MAX - 1];
    va_list ap;

    if (v->n_problems++ >= REPORT_PROBLEMS_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    wf_buf_puts(&v->problems[v->n_problems - 1], text);
}

void verdict_looked_at(struct verdict *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(v->looked_at, sizeof v->looked_at, fmt, ap);
    va_end(ap);
}

void verdict_gave_up(struct verdict *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(v->gave_up, sizeof v->gave_up, fmt, ap);
    va_end(ap);
}

bool verdict_ok(const struct verdict *v)
{
    return v->n_problems == 0 && v->gave_up[0] == '\0';
}

double report_seconds(const struct history *h, uint64_t at)
{
    WF_ASSERT(at >= h->start);
    return (double)(at - h->start) / 1e9;
}

// --- operations in words ------------------------------------------------------------------------

static void put_request(struct wf_buf *b, const struct history *h, const struct operation *op)
{
    const char *value = history_text(h, op->value);

    if (op->kind == OP_NOTE || op->kind == OP_PUT)
        wf_buf_printf(b, " \"%.*s\"", VALUE_SHOWN, value);
    else if (op->kind == OP_OFFER || op->kind == OP_ACCEPT)
        wf_buf_printf(b, " %s %s", op->kind == OP_OFFER ? "to" : "by", value);
    else if (op->kind == OP_STATE)
        wf_buf_printf(b, " to %s", history_phase_name(op->phase));
    if ((op->kind == OP_OFFER || op->kind == OP_ACCEPT) && op->believed != 0)
        wf_buf_printf(b, " believing epoch %" PRIu64, op->believed);
}

static void put_result(struct wf_buf *b, const struct history *h, const struct operation *op)
{
    if (op->seq != 0)
        wf_buf_printf(b, ", seq %" PRIu64, op->seq);
    if (op->index != 0)
        wf_buf_printf(b, ", index %" PRIu64, op->index);
    if (op->kind == OP_GET)
        wf_buf_printf(b, ", \"%.*s\"", VALUE_SHOWN, history_text(h, op->value));
    if (op->kind == OP_READ)
        wf_buf_printf(b, ", %" PRIu32 " note%s", op->notes_n, op->notes_n == 1 ? "" : "s");
    if (op->notes_n > 0)
        wf_buf_printf(b, ", the last \"%.*s\"", VALUE_SHOWN,
                      history_text(h, h->notes[op->notes_at + op->notes_n - 1]));
    if (op->commander != 0)
        wf_buf_printf(b, ", %s commands", history_text(h, op->commander));
    if (op->epoch != 0)
        wf_buf_printf(b, ", epoch %" PRIu64, op->epoch);
    if (op->kind == OP_READ && op->phase != PHASE_NONE)
        wf_buf_printf(b, ", %s", history_phase_name(op->phase));
}

const char *report_op(const struct history *h, const struct operation *op)
{
    static char texts[8][768];
    static unsigned next;
    char *out = texts[next++ % 8];
    struct wf_buf b;

    wf_buf_init(&b, sizeof texts[0] - 1);
    wf_buf_printf(&b, "line %" PRIu32 ": %.60s %s %.60s", op->line, history_text(h, op->client),
                  history_op_name(op->kind), history_text(h, op->incident));
    put_request(&b, h, op);
    if (op->node != 0)
        wf_buf_printf(&b, " at %.60s", history_text(h, op->node));
    wf_buf_printf(&b, " (%.6f s to ", report_seconds(h, op->call));
    if (op->ret == HISTORY_OPEN)
        wf_buf_puts(&b, "the end");
    else
        wf_buf_printf(&b, "%.6f s", report_seconds(h, op->ret));
    if (op->outcome == OUTCOME_OK)
        put_result(&b, h, op);
    else
        wf_buf_puts(&b, op->outcome == OUTCOME_REFUSED ? ", refused" : ", outcome unknown");
    wf_buf_puts(&b, ")");
    memcpy(out, b.data != NULL ? b.data : (const uint8_t *)"", b.len);
    out[b.len] = '\0';
    wf_buf_free(&b);
    return out;
}

// --- verdicts in words --------------------------------------------------------------------------

void report_text(const struct verdict *v, struct wf_buf *out)
{
    uint64_t shown = v->n_problems < REPORT_PROBLEMS_MAX ? v->n_problems : REPORT_PROBLEMS_MAX;

    if (verdict_ok(v)) {
        wf_buf_printf(out, "%s: ok, %s\n", v->checker, v->looked_at);
        return;
    }
    wf_buf_printf(out, "%s: FAIL, %s\n", v->checker, v->looked_at);
    if (v->gave_up[0] != '\0')
        wf_buf_printf(out, "  %s\n", v->gave_up);
    for (uint64_t i = 0; i < shown; i++)
        wf_buf_printf(out, "  %s\n", wf_buf_cstr((struct wf_buf *)&v->problems[i]));
    if (v->n_problems > shown)
        wf_buf_printf(out, "  and %" PRIu64 " more\n", v->n_problems - shown);
}
