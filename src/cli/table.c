// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/wrap.h"

enum { GAP = 2, LAST_MIN = 20, BENEATH = 4 };
#define BREAK " / " // where lines run into one another

void wf_table_init(struct wf_table *t)
{
    *t = (struct wf_table){0};
}

void wf_table_free(struct wf_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->cells[i]);
    free(t->cells);
    wf_table_init(t);
}

void wf_table_column(struct wf_table *t, const char *header, bool right)
{
    WF_ASSERT(t->columns < WF_TABLE_COLUMNS_MAX && t->n == 0);
    t->headers[t->columns] = header;
    t->right[t->columns++] = right;
}

void wf_table_cell(struct wf_table *t, const char *text)
{
    size_t len = strlen(text), n = 0;
    while (len > 0 && text[len - 1] == '\n')
        len--;
    char *cell = malloc(len * strlen(BREAK) + 1);
    char **grown = cell ? realloc(t->cells, (t->n + 1) * sizeof(*grown)) : NULL;
    if (!grown) {
        free(cell);
        t->failed = true;
        return;
    }
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n') {
            memcpy(cell + n, BREAK, strlen(BREAK));
            n += strlen(BREAK);
        } else {
            cell[n++] = text[i];
        }
    cell[n] = '\0';
    t->cells = grown;
    t->cells[t->n++] = cell;
}

static unsigned text_width(const char *s)
{
    return wf_wrap_width(s, strlen(s));
}

// Widths of the columns; 0 for one that is empty everywhere.
static void measure(const struct wf_table *t, unsigned widths[])
{
    memset(widths, 0, WF_TABLE_COLUMNS_MAX * sizeof(*widths));
    for (size_t i = 0; i < t->n; i++) {
        unsigned w = text_width(t->cells[i]), c = (unsigned)(i % t->columns);
        if (w > widths[c])
            widths[c] = w;
    }
    for (unsigned c = 0; c < t->columns; c++)
        if (widths[c] > 0 && text_width(t->headers[c]) > widths[c])
            widths[c] = text_width(t->headers[c]);
}

static unsigned last_column(const struct wf_table *t, const unsigned widths[])
{
    unsigned last = 0;
    for (unsigned c = 0; c < t->columns; c++)
        if (widths[c] > 0)
            last = c;
    return last;
}

// Where the last column begins, or, where too little is left there, the text that stands on lines
// of its own beneath the rest.
static unsigned place_last(const struct wf_table *t, const unsigned widths[], unsigned indent,
                           unsigned width)
{
    unsigned last = last_column(t, widths), used = indent;
    for (unsigned c = 0; c < last; c++)
        used += widths[c] ? widths[c] + GAP : 0;
    bool fits = width == 0 || used + widths[last] <= width || used + LAST_MIN <= width;
    return fits ? used : indent + BENEATH;
}

static void put_row(const struct wf_table *t, FILE *out, const char *const *cells,
                    const unsigned widths[], unsigned indent, unsigned begin, unsigned width)
{
    unsigned last = last_column(t, widths), column = indent, gap = indent;
    for (unsigned c = 0; c < last; c++) {
        unsigned is = text_width(cells[c]), pad = widths[c] - is;
        if (widths[c] == 0)
            continue;
        column += widths[c] + GAP;
        if (is == 0) {
            gap += widths[c] + GAP;
            continue;
        }
        fprintf(out, "%*s%s", (int)(gap + (t->right[c] ? pad : 0)), "", cells[c]);
        gap = GAP + (t->right[c] ? 0 : pad);
    }
    if (!cells[last][0]) {
        fputc('\n', out);
        return;
    }
    if (begin != column) {
        fputc('\n', out);
        gap = begin;
    }
    gap += t->right[last] ? widths[last] - text_width(cells[last]) : 0;
    fprintf(out, "%*s", (int)gap, "");
    wf_wrap_print(out, cells[last], begin, width);
}

bool wf_table_print(const struct wf_table *t, FILE *out, unsigned indent, unsigned width,
                    bool color)
{
    if (t->failed)
        return false;
    WF_ASSERT(t->columns > 0 && t->n % t->columns == 0);
    if (t->n == 0)
        return true;
    unsigned widths[WF_TABLE_COLUMNS_MAX];
    measure(t, widths);
    unsigned begin = place_last(t, widths, indent, width);
    if (color)
        fputs("\033[1m", out);
    put_row(t, out, t->headers, widths, indent, begin, width);
    if (color)
        fputs("\033[0m", out);
    for (size_t i = 0; i < t->n; i += t->columns)
        put_row(t, out, (const char *const *)&t->cells[i], widths, indent, begin, width);
    return true;
}
