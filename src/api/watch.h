// SPDX-License-Identifier: Apache-2.0
// WatchEvents: one fan-out of the log per front thread. New events are read once from the events
// table and given to every subscriber that has kept up; one that has not is served from the table
// at its own pace. Nothing is queued for a subscriber but what its flow control window takes, and
// one that stands still is told to resume from where it was.
#ifndef WF_API_WATCH_H
#define WF_API_WATCH_H

#include "api/api.h"

struct wf_watches;

struct wf_watches *wf_watches_new(void); // NULL: out of memory
void wf_watches_free(struct wf_watches *w);

bool wf_watches_any(const struct wf_watches *w);

// There may be new events.
void wf_watches_wake(struct wf_api *api);
// Every second: signs of life, and an end to those who stand still.
void wf_watches_tick(struct wf_api *api);
// End them all with UNAVAILABLE: the node stops.
void wf_watches_end(struct wf_api *api);

#endif
