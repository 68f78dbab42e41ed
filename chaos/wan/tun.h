// SPDX-License-Identifier: Apache-2.0
// A TUN device in another network namespace. Linux only; needs CAP_NET_ADMIN and CAP_SYS_ADMIN.
#ifndef WAN_TUN_H
#define WAN_TUN_H

#include "base/result.h"

// Make the device wan0 with the address 10.77.0.(k + 1)/24 and the MTU WAN_MTU in the namespace
// that is mounted at path, and bring it up. Returns WF_OK with *fd, non-blocking, one IP packet a
// read or write; closing it removes the device. Otherwise fills *err. The calling thread is in its
// own namespace again afterwards; if that cannot be had, the process ends.
int wan_tun_open(const char *path, unsigned k, int *fd, struct wf_err *err);

#endif
