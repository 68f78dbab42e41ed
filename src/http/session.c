// SPDX-License-Identifier: Apache-2.0
#include "http/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "http/h2_internal.h"

void wf_http_shared_init(struct wf_http_shared *shared, const struct wf_http_handler *handler,
                         struct wf_metrics *m)
{
    static const char *const versions[] = {"version=\"1.0\"", "version=\"1.1\"", "version=\"2\""};
    *shared = (struct wf_http_shared){.handler = handler};
    shared->times = (struct wf_http_times){.request_head = WF_REQUEST_HEAD_MS,
                                           .request_body = WF_REQUEST_BODY_MS,
                                           .h1_idle = WF_H1_IDLE_MS,
                                           .h2_idle = WF_IDLE_MS,
                                           .keepalive = WF_KEEPALIVE_MS,
                                           .keepalive_wait = WF_KEEPALIVE_WAIT_MS};
    if (!m)
        return;
    for (int i = 0; i < 3; i++)
        shared->metric.requests[i] =
            wf_counter(m, "watchfire_http_requests", versions[i], "HTTP requests begun.");
    shared->metric.rejected = wf_counter(m, "watchfire_http_requests_rejected", "",
                                         "HTTP requests malformed, too large or too slow.");
    shared->metric.abusive = wf_counter(m, "watchfire_http_connections_abusive", "",
                                        "HTTP connections ended for flooding.");
    shared->metric.refused = wf_counter(m, "watchfire_http_streams_refused", "",
                                        "HTTP/2 streams refused for lack of room.");
}

void wf_http_shared_free(struct wf_http_shared *shared)
{
    wf_h2_free_spares(shared);
}

void wf_http_session_init(struct wf_http_session *s, const struct wf_http_session_ops *ops,
                          struct wf_http_shared *shared, const struct wf_transport *t)
{
    s->ops = ops;
    s->shared = shared;
    s->transport = *t;
    s->born = s->last_read = wf_http_now(s);
    s->max_age = shared->times.max_age;
}

uint64_t wf_http_now(const struct wf_http_session *s)
{
    return s->transport.ops->now_ms(s->transport.ctx);
}

void wf_http_session_close(struct wf_http_session *s, bool graceful)
{
    if (s->closing)
        return;
    s->closing = true;
    s->transport.ops->close(s->transport.ctx, graceful);
}
