// SPDX-License-Identifier: Apache-2.0
// Regions and the rules between them, as a preset or a file gives them. A plain value, 30 KiB.
//
// A file has a command a line, and comments from # on:
//   region fra
//   region iad
//   link fra iad delay_us=48500     one direction
//   link * * jitter_us=500          * is every region
#ifndef WAN_TOPOLOGY_H
#define WAN_TOPOLOGY_H

#include "base/result.h"
#include "wan/limits.h"
#include "wan/rules.h"

struct wan_matrix {
    struct wan_rules rule[WAN_REGIONS_MAX][WAN_REGIONS_MAX]; // [from][to]
};

struct wan_topology {
    unsigned n;
    char name[WAN_REGIONS_MAX][WAN_NAME_MAX + 1];
    struct wan_matrix matrix;
};

// "three", "five", "flat:RTT_MS:N", or the name of a file. Returns WF_OK, or fills *err.
int wan_topology_load(struct wan_topology *t, const char *what, struct wf_err *err);

// The contents of a file; the message of an error names the line.
int wan_topology_parse(struct wan_topology *t, const char *text, struct wf_err *err);

// What FROM and TO of a command name: all pairs of [from, from_end) and [to, to_end) but a region
// with itself.
struct wan_pairs {
    unsigned from, from_end, to, to_end;
};

int wan_topology_pairs(const struct wan_topology *t, const char *from, const char *to,
                       struct wan_pairs *out, struct wf_err *err);
// A region by its name, or "*". Returns WF_OK, or WF_NOT_FOUND with the names there are.
int wan_topology_regions(const struct wan_topology *t, const char *name, unsigned *first,
                         unsigned *end, struct wf_err *err);

// Carry out "link FROM TO key=value...", split into words, on m: all of it or nothing.
int wan_topology_link(const struct wan_topology *t, struct wan_matrix *m, char *const words[],
                      unsigned n, struct wf_err *err);

// Split line at blanks, in place. Returns how many words there are, or -1 when more than
// WAN_WORDS_MAX.
int wan_words(char *line, char *words[WAN_WORDS_MAX]);

#endif
