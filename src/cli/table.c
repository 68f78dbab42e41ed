// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/utf8.h"

enum { GAP = 2, LAST_MIN = 16 };

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
    size_t len = strcspn(text, "\n");
    bool more = text[len] != '\0';
    char *cell = malloc(len + (more ? 5 : 1));
    char **grown = cell ? realloc(t->cells, (t->n + 1) * sizeof(*grown)) : NULL;
    if (!grown) {
        free(cell);
        t->failed = true;
        return;
    }
    memcpy(cell, text, len);
    strcpy(cell + len, more ? " ..." : "");
    t->cells = grown;
    t->cells[t->n++] = cell;
}

static unsigned text_width(const char *s)
{
    return (unsigned)wf_utf8_length(s, strlen(s));
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

// What is left for the last column, or its own width if that fits.
static unsigned last_width(const struct wf_table *t, const unsigned widths[], unsigned indent,
                           unsigned width)
{
    unsigned last = last_column(t, widths), used = indent;
    for (unsigned c = 0; c < last; c++)
        used += widths[c] ? widths[c] + GAP : 0;
    if (width == 0 || used + widths[last] <= width)
        return widths[last];
    return width > used + LAST_MIN ? width - used : LAST_MIN;
}

// At most width characters of s, the last one a dot when it was cut.
static void put_cut(FILE *out, const char *s, unsigned width)
{
    if (text_width(s) <= width) {
        fputs(s, out);
        return;
    }
    size_t len = 0;
    for (unsigned n = 0; n + 1 < width; n++)
        do
            len++;
        while (((unsigned char)s[len] & 0xc0) == 0x80);
    fwrite(s, 1, len, out);
    fputs("\xe2\x80\xa6", out); // U+2026
}

static void put_row(const struct wf_table *t, FILE *out, const char *const *cells,
                    const unsigned widths[], unsigned indent, unsigned cut)
{
    unsigned last = last_column(t, widths);
    fprintf(out, "%*s", (int)indent, "");
    for (unsigned c = 0; c <= last; c++) {
        int pad = (int)widths[c] - (int)text_width(cells[c]);
        if (widths[c] == 0)
            continue;
        if (t->right[c])
            fprintf(out, "%*s", pad, "");
        if (c == last)
            put_cut(out, cells[c], cut);
        else
            fprintf(out, "%s%*s", cells[c], (t->right[c] ? 0 : pad) + GAP, "");
    }
    fputc('\n', out);
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
    unsigned cut = last_width(t, widths, indent, width);
    if (color)
        fputs("\033[1m", out);
    put_row(t, out, t->headers, widths, indent, cut);
    if (color)
        fputs("\033[0m", out);
    for (size_t i = 0; i < t->n; i += t->columns)
        put_row(t, out, (const char *const *)&t->cells[i], widths, indent, cut);
    return true;
}
