// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"

#include <inttypes.h>

#include "base/buf.h"

static const wf_mono_ns QUIET = 2000000000, REDRAW = 100000000;
enum { BAR_WIDTH = 30 };

void wf_progress_begin(struct wf_progress *p, FILE *err, const char *what, bool bytes,
                       wf_mono_ns now)
{
    *p = (struct wf_progress){.err = err, .what = what, .bytes = bytes, .began = now};
}

static void put_amount(struct wf_buf *line, bool bytes, uint64_t n)
{
    if (bytes)
        wf_buf_put_size(line, n);
    else
        wf_buf_printf(line, "%" PRIu64, n);
}

void wf_progress_step(struct wf_progress *p, uint64_t done, uint64_t total, wf_mono_ns now)
{
    if (!p->err || now - p->began < QUIET || now - p->drawn < REDRAW)
        return;
    p->drawn = now;
    p->shown = true;
    struct wf_buf line;
    wf_buf_init(&line, 512);
    wf_buf_printf(&line, "\r%s ", p->what);
    if (total > 0) {
        double part = done >= total ? 1 : (double)done / (double)total;
        int filled = (int)(part * BAR_WIDTH);
        wf_buf_printf(&line, "[%.*s%*s] %3.0f%% ", filled, "##############################",
                      BAR_WIDTH - filled, "", part * 100);
    }
    put_amount(&line, p->bytes, done);
    if (total > 0) {
        wf_buf_puts(&line, " of ");
        put_amount(&line, p->bytes, total);
    }
    const char *s = wf_buf_cstr(&line);
    fprintf(p->err, "%s\033[K", s ? s : "");
    fflush(p->err);
    wf_buf_free(&line);
}

void wf_progress_end(struct wf_progress *p)
{
    if (p->shown)
        fputs("\r\033[K", p->err);
    p->shown = false;
}
