// SPDX-License-Identifier: Apache-2.0
#include "daemon/loop.h"

int wf_loop_open(uv_loop_t *loop, struct wf_err *err)
{
    int rc = uv_loop_init(loop);
    return rc == 0 ? WF_OK
                   : wf_fail(err, wf_code_from_errno(-rc), "cannot make an event loop: %s",
                             uv_strerror(rc));
}
