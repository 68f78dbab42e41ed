// SPDX-License-Identifier: Apache-2.0
#include "wan/tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "wan/limits.h"
#include "wan/packet.h"

static const char device[] = "wan0";

static struct ifreq request(void)
{
    struct ifreq r = {0};
    memcpy(r.ifr_name, device, sizeof device);
    return r;
}

static int set(int s, unsigned long what, struct ifreq *r, const char *name, struct wf_err *err)
{
    if (ioctl(s, what, r) != 0)
        return wf_fail(err, wf_code_from_errno(errno), "%s of %s cannot be set: %s", name, device,
                       strerror(errno));
    return WF_OK;
}

static int set_address(int s, unsigned long what, uint32_t address, const char *name,
                       struct wf_err *err)
{
    struct ifreq r = request();
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    memcpy(&r.ifr_addr, &a, sizeof a);
    return set(s, what, &r, name, err);
}

static int configure(int s, unsigned k, struct wf_err *err)
{
    struct ifreq mtu = request(), queue = request(), flags = request();
    mtu.ifr_mtu = WAN_MTU;
    queue.ifr_qlen = WAN_DEVICE_QUEUE;
    flags.ifr_flags = IFF_UP | IFF_RUNNING;
    int rc = set_address(s, SIOCSIFADDR, WAN_ADDRESS(k), "the address", err);
    if (rc == WF_OK)
        rc = set_address(s, SIOCSIFNETMASK, 0xffffff00, "the netmask", err);
    if (rc == WF_OK)
        rc = set(s, SIOCSIFMTU, &mtu, "the MTU", err);
    if (rc == WF_OK)
        rc = set(s, SIOCSIFTXQLEN, &queue, "the queue length", err);
    if (rc == WF_OK)
        rc = set(s, SIOCSIFFLAGS, &flags, "the flag \"up\"", err);
    return rc;
}

// In the namespace: the device, then its settings.
static int make(unsigned k, int *fd, struct wf_err *err)
{
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0)
        return wf_fail(err, wf_code_from_errno(errno),
                       "/dev/net/tun cannot be opened: %s (are you root, on a kernel with TUN?)",
                       strerror(errno));
    struct ifreq r = request();
    r.ifr_flags = IFF_TUN | IFF_NO_PI;
    int rc = set(tun, TUNSETIFF, &r, "the kind", err);
    int s = rc == WF_OK ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (rc == WF_OK && s < 0)
        rc = wf_fail(err, wf_code_from_errno(errno), "no socket: %s", strerror(errno));
    if (rc == WF_OK)
        rc = configure(s, k, err);
    if (s >= 0)
        close(s);
    if (rc == WF_OK)
        *fd = tun;
    else
        close(tun);
    return rc;
}

int wan_tun_open(const char *path, unsigned k, int *fd, struct wf_err *err)
{
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = open(path, O_RDONLY | O_CLOEXEC);
    int rc = WF_OK;
    if (home < 0 || there < 0)
        rc = wf_fail(err, wf_code_from_errno(errno), "namespace %s cannot be opened: %s", path,
                     strerror(errno));
    else if (setns(there, CLONE_NEWNET) != 0)
        rc = wf_fail(err, wf_code_from_errno(errno), "namespace %s cannot be entered: %s", path,
                     strerror(errno));
    if (rc == WF_OK) {
        rc = make(k, fd, err);
        if (rc != WF_OK)
            wf_wrap(err, rc, "namespace %s", path);
        int back = setns(home, CLONE_NEWNET);
        WF_ASSERT(back == 0); // never go on in somebody else's namespace
    }
    if (home >= 0)
        close(home);
    if (there >= 0)
        close(there);
    return rc;
}
