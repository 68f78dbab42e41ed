// SPDX-License-Identifier: Apache-2.0
// Moving an open connection to another loop. The socket is duplicated, since libuv closes the one
// it has; the session, which knows no loop, moves as it is.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "tls/conn_internal.h"

struct wf_conn_parcel {
    int fd;
    struct wf_session *session;
    bool eof;
    char address[80];
};

void wf_conn_parcel_free(struct wf_conn_parcel *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        close(p->fd);
    wf_session_free(p->session);
    free(p);
}

static int duplicate(struct wf_conn *c, int *fd, struct wf_err *err)
{
    uv_os_fd_t old;
    if (uv_fileno((uv_handle_t *)&c->tcp, &old) != 0)
        return wf_fail(err, WF_UNAVAILABLE, "the socket of %s is gone", c->address);
    *fd = fcntl(old, F_DUPFD_CLOEXEC, 0);
    if (*fd < 0)
        return wf_fail(err, wf_code_from_errno(errno), "cannot duplicate the socket of %s: %s",
                       c->address, strerror(errno));
    return WF_OK;
}

int wf_conn_detach(struct wf_conn *c, struct wf_conn_parcel **out, struct wf_err *err)
{
    struct wf_err moved = {0};
    WF_ASSERT(c->state == CONN_OPEN);
    wf_conn_flush(c);
    if (c->state != CONN_OPEN || c->writing || wf_conn_queued(c) > 0)
        return wf_fail(err, WF_UNAVAILABLE, "bytes to %s are still under way", c->address);
    struct wf_conn_parcel *p = calloc(1, sizeof *p);
    if (!p || wf_session_keep(c->session) != WF_OK) {
        free(p);
        return wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory moving %s", c->address);
    }
    int rc = duplicate(c, &p->fd, err);
    if (rc != WF_OK) {
        free(p);
        return rc;
    }
    p->session = c->session;
    p->eof = c->eof;
    memcpy(p->address, c->address, sizeof p->address);
    c->session = NULL;
    c->tell_closed = false;
    c->proto = (struct wf_conn_proto){0};
    wf_fail(&moved, WF_CANCELLED, "moved");
    conn_destroy(c, &moved);
    *out = p;
    return WF_OK;
}

struct wf_conn *wf_conn_adopt(uv_loop_t *loop, struct wf_conn_parcel *p,
                              const struct wf_conn_proto *proto, struct wf_err *err)
{
    struct wf_err no = {0};
    struct wf_conn *c = conn_new(loop);
    if (!c || conn_init_handles(c) != WF_OK) {
        if (c)
            conn_free_unused(c);
        wf_conn_parcel_free(p);
        wf_fail(err, WF_RESOURCE_EXHAUSTED, "out of memory for a connection");
        return NULL;
    }
    c->state = CONN_OPEN;
    c->tell_closed = true;
    c->proto = *proto;
    c->eof = p->eof;
    c->session = p->session;
    p->session = NULL;
    memcpy(c->address, p->address, sizeof c->address);
    int rc = uv_tcp_open(&c->tcp, p->fd);
    if (rc != 0) {
        wf_fail(err, WF_UNAVAILABLE, "the socket of %s: %s", c->address, uv_strerror(rc));
    } else {
        p->fd = -1; // the handle's now
        rc = proto->open ? proto->open(proto->ctx, c) : WF_OK;
        if (rc != WF_OK)
            wf_fail(err, rc, "the connection from %s was turned away", c->address);
    }
    wf_conn_parcel_free(p);
    if (rc != WF_OK) {
        c->tell_closed = false;
        wf_fail(&no, WF_CANCELLED, "turned away");
        conn_destroy(c, &no);
        return NULL;
    }
    if (c->state != CONN_OPEN)
        return c; // its open closed it: closed follows
    conn_read_start(c);
    conn_schedule(c); // the session may hold bytes that came before the move
    return c;
}
