// SPDX-License-Identifier: Apache-2.0
#include "wan/console.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "wan/control.h"

enum { LISTENER = WAN_CLIENTS_MAX };

void wan_console_init(struct wan_console *c)
{
    *c = (struct wan_console){.epoll = -1, .listen = -1};
    for (int i = 0; i < WAN_CLIENTS_MAX; i++) {
        c->clients[i].fd = -1;
        wf_buf_init(&c->clients[i].out, WAN_ANSWER_MAX);
    }
}

static int watch(struct wan_console *c, int how, int fd, uint32_t events, uint32_t about)
{
    struct epoll_event e = {.events = events, .data.u32 = about};
    return epoll_ctl(c->epoll, how, fd, &e);
}

int wan_console_open(struct wan_console *c, const char *path, struct wf_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof a.sun_path)
        return wf_fail(err, WF_INVALID_ARGUMENT, "%s: a socket's path has at most %zu bytes", path,
                       sizeof a.sun_path - 1);
    strcpy(a.sun_path, path);
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->epoll < 0 || c->listen < 0 || bind(c->listen, (struct sockaddr *)&a, sizeof a) != 0)
        return wf_fail(err, wf_code_from_errno(errno), "the control socket %s cannot be made: %s",
                       path, strerror(errno));
    strcpy(c->path, path);
    if (listen(c->listen, WAN_CLIENTS_MAX) != 0 ||
        watch(c, EPOLL_CTL_ADD, c->listen, EPOLLIN, LISTENER) != 0)
        return wf_fail(err, wf_code_from_errno(errno), "the control socket %s cannot be used: %s",
                       path, strerror(errno));
    return WF_OK;
}

static void drop(struct wan_client *k)
{
    close(k->fd); // also leaves the epoll
    k->fd = -1;
    k->len = 0;
    wf_buf_free(&k->out);
}

void wan_console_close(struct wan_console *c)
{
    for (int i = 0; i < WAN_CLIENTS_MAX; i++)
        if (c->clients[i].fd >= 0)
            drop(&c->clients[i]);
    if (c->listen >= 0)
        close(c->listen);
    if (c->epoll >= 0)
        close(c->epoll);
    if (c->path[0])
        unlink(c->path);
    c->path[0] = '\0';
}

// A client too many is shown the door.
static void accept_client(struct wan_console *c)
{
    int fd = accept4(c->listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (uint32_t i = 0; i < WAN_CLIENTS_MAX; i++) {
        if (c->clients[i].fd >= 0)
            continue;
        if (watch(c, EPOLL_CTL_ADD, fd, EPOLLIN, i) != 0)
            break;
        c->clients[i].fd = fd;
        return;
    }
    close(fd);
}

// Send what is queued. False when the client is gone.
static bool send_answers(struct wan_console *c, struct wan_client *k, uint32_t about)
{
    bool waited = k->out.len > 0;
    while (k->out.len > 0) {
        ssize_t n = send(k->fd, k->out.data, k->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return watch(c, EPOLL_CTL_MOD, k->fd, EPOLLOUT, about) == 0;
        if (n <= 0)
            return false;
        wf_buf_consume(&k->out, (size_t)n);
    }
    return !waited || watch(c, EPOLL_CTL_MOD, k->fd, EPOLLIN, about) == 0;
}

// Carry out the complete lines, one answer after the other. False when the client is to go.
static bool carry_out(struct wan_console *c, struct wan_client *k, uint32_t about,
                      struct wan_net *net, wf_mono_ns now)
{
    char *newline;
    while (k->out.len == 0 && (newline = memchr(k->line, '\n', k->len))) {
        size_t used = (size_t)(newline - k->line) + 1;
        *newline = '\0';
        wan_control(net, now, k->line, &k->out);
        memmove(k->line, k->line + used, k->len - used);
        k->len -= used;
        if (k->out.failed || !send_answers(c, k, about))
            return false;
    }
    // A line that does not fit is nobody's command.
    return k->len < sizeof k->line || memchr(k->line, '\n', k->len);
}

static void serve_client(struct wan_console *c, uint32_t about, uint32_t events,
                         struct wan_net *net, wf_mono_ns now)
{
    struct wan_client *k = &c->clients[about];
    bool alive = true;
    if (events & EPOLLOUT)
        alive = send_answers(c, k, about);
    else {
        ssize_t n = recv(k->fd, k->line + k->len, sizeof k->line - k->len, 0);
        alive = n > 0 || (n < 0 && errno == EAGAIN);
        k->len += n > 0 ? (size_t)n : 0;
    }
    if (!alive || !carry_out(c, k, about, net, now))
        drop(k);
}

void wan_console_serve(struct wan_console *c, struct wan_net *net, wf_mono_ns now)
{
    struct epoll_event events[WAN_CLIENTS_MAX + 1];
    int n = epoll_wait(c->epoll, events, WAN_CLIENTS_MAX + 1, 0);
    for (int i = 0; i < n; i++) {
        if (events[i].data.u32 == LISTENER)
            accept_client(c);
        else
            serve_client(c, events[i].data.u32, events[i].events, net, now);
    }
}
