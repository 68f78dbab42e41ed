// SPDX-License-Identifier: Apache-2.0
#include "cli/findings.h"

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "cli/text.h"
#include "cli/wrap.h"

enum { LINE_MAX_BYTES = 64 * 1024, INDENT = 2 };

static void put_clean(FILE *out, const char *text, size_t len)
{
    struct wf_buf line;
    wf_buf_init(&line, LINE_MAX_BYTES);
    wf_text_clean(&line, text, len, true);
    const char *s = wf_buf_cstr(&line);
    fputs(s ? s : "", out);
    wf_buf_free(&line);
}

static void put_advice(FILE *out, const Watchfire__V1__DraftFinding *f)
{
    fprintf(out, "%*s", INDENT, "");
    put_clean(out, f->advice, strlen(f->advice));
    fputc('\n', out);
}

// The line of the draft that the passage starts in, and marks under the part of it there.
static void put_passage(FILE *out, const char *draft, size_t start, size_t length, bool color)
{
    size_t begin = start, end = start + strcspn(draft + start, "\n");
    while (begin > 0 && draft[begin - 1] != '\n')
        begin--;
    size_t stop = start + length < end ? start + length : end;
    fprintf(out, "%*s", INDENT, "");
    put_clean(out, draft + begin, end - begin);
    fprintf(out, "\n%*s", INDENT + (int)wf_wrap_width(draft + begin, start - begin), "");
    fputs(color ? "\033[31m" : "", out);
    for (size_t i = 0, n = wf_wrap_width(draft + start, stop - start); i < (n ? n : 1); i++)
        fputc('^', out);
    fputs(color ? "\033[0m\n" : "\n", out);
}

static bool inside(const char *draft, const Watchfire__V1__DraftFinding *f)
{
    size_t len = strlen(draft);
    return f->start <= len && f->length <= len - f->start && wf_utf8_valid(draft, f->start) &&
           wf_utf8_valid(draft + f->start, f->length);
}

void wf_findings_print(FILE *out, const char *draft, Watchfire__V1__DraftFinding *const *findings,
                       size_t n, bool color)
{
    for (size_t i = 0; i < n; i++) {
        const Watchfire__V1__DraftFinding *f = findings[i];
        if (inside(draft, f)) {
            put_passage(out, draft, f->start, f->length, color);
        } else {
            fprintf(out, "%*s\"", INDENT, "");
            put_clean(out, f->text, strlen(f->text));
            fputs("\"\n", out);
        }
        put_advice(out, f);
    }
}
