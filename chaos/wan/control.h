// SPDX-License-Identifier: Apache-2.0
// The control language: one command a line, one answer a line, "ok ..." or "error ...".
//
//   link FROM TO key=value...        (rules.h has the keys)
//   cut FROM TO | mend FROM TO       one way
//   clog FROM TO | unclog FROM TO    packets are held back until unclogged
//   dark REGION | light REGION       all its links, both ways; what was cut stays cut
//   reset                            as it began
//   show | stats                     one line of JSON
//
// * is every region.
#ifndef WAN_CONTROL_H
#define WAN_CONTROL_H

#include "base/buf.h"
#include "wan/net.h"

// Carry out a line (without its newline, changed in place) and append the answer with a newline.
// An error changes nothing.
void wan_control(struct wan_net *net, wf_mono_ns now, char *line, struct wf_buf *answer);

#endif
