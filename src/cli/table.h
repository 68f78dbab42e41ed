// SPDX-License-Identifier: Apache-2.0
// Text in columns. The owner makes it, fills it row by row, prints it and frees it; one thread.
#ifndef WF_CLI_TABLE_H
#define WF_CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"

enum { WF_TABLE_COLUMNS_MAX = 12 };

struct wf_table {
    const char *headers[WF_TABLE_COLUMNS_MAX];
    bool right[WF_TABLE_COLUMNS_MAX]; // numbers
    unsigned columns;
    char **cells; // row by row
    size_t n;
    bool failed; // out of memory: nothing is printed
};

void wf_table_init(struct wf_table *t);
void wf_table_column(struct wf_table *t, const char *header, bool right);
// Append the next cell (copied; its lines run into one another, with " / " between).
void wf_table_cell(struct wf_table *t, const char *text);
// Print it: columns that are empty everywhere are left out; with width > 0 the last column is
// wrapped to fit, beneath the others when they leave too little; headers bold with color. Returns
// false when there was no memory for it.
bool wf_table_print(const struct wf_table *t, FILE *out, unsigned indent, unsigned width,
                    bool color);
void wf_table_free(struct wf_table *t);

#endif
