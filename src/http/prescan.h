// SPDX-License-Identifier: Apache-2.0
// What must be true of an HTTP/1.1 message's header section before a parser sees it, so that no two
// readers can disagree about where a request ends (RFC 9112, sections 2.2, 5 and 6). Pure.
#ifndef WF_HTTP_PRESCAN_H
#define WF_HTTP_PRESCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "http/exchange.h"

enum wf_prescan_state { WF_PRESCAN_MORE, WF_PRESCAN_DONE, WF_PRESCAN_BAD };

// Looks for the empty line that ends a section, byte by byte as they come. Zero-initialise; set
// trailers for the section behind a chunked body, which may be empty.
struct wf_prescan {
    bool trailers;
    size_t at;   // bytes seen; when done, the section's length
    size_t line; // bytes in the current line
    bool cr;     // the last byte was one
    bool begun;  // a line that is not empty was seen
    const char *why;
};

// data is everything so far, from the start of the section: what was seen before is not read again.
// BAD: a CR or LF alone, a folded line, or a control character; why tells which.
enum wf_prescan_state wf_prescan(struct wf_prescan *p, const uint8_t *data, size_t len);

// The grammar of a whole request head (as found by wf_prescan()): METHOD SP TARGET SP HTTP/1.0
// or 1.1; field names are tokens with the colon right behind; one Host in 1.1, at most one in 1.0;
// Content-Length once and only digits; Transfer-Encoding only "chunked", only in 1.1 and never
// beside Content-Length. Returns WF_OK or WF_INVALID_ARGUMENT.
int wf_prescan_request(const char *head, size_t len, struct wf_err *err);
// That of trailer fields.
int wf_prescan_trailers(const char *section, size_t len, struct wf_err *err);

struct wf_head {
    char *method;
    char *target;
    int version; // 10 or 11
    size_t n;    // fields there are: at most room were written
};

// Take a checked request head apart, in place: strings end with NUL, field names become lower case.
void wf_head_split(char *head, size_t len, struct wf_head *out, struct wf_header *fields,
                   size_t room);

#endif
