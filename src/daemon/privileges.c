// SPDX-License-Identifier: Apache-2.0
#include "daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int become(const struct passwd *pw, struct wf_err *err)
{
    if (initgroups(pw->pw_name, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 ||
        setuid(pw->pw_uid) != 0)
        return wf_fail_reason(err, WF_PERMISSION_DENIED, "PERMISSIONS", "cannot become user %s: %s",
                              pw->pw_name, strerror(errno));
    if (setuid(0) == 0)
        return wf_fail_reason(err, WF_INTERNAL, "PERMISSIONS",
                              "became user %s, but could become root again", pw->pw_name);
    return WF_OK;
}

int wf_privileges_drop(const char *user, struct wf_err *err)
{
    int rc = WF_OK;
    umask(077); // SQLite would let others read its files
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (user) {
        errno = 0;
        const struct passwd *pw = getpwnam(user);
        if (!pw)
            return wf_fail_reason(err, WF_NOT_FOUND, "CONFIG", "user: there is no user %s", user);
        if (geteuid() == 0 && pw->pw_uid != 0)
            rc = become(pw, err);
        else if (geteuid() != pw->pw_uid)
            rc = wf_fail_reason(err, WF_PERMISSION_DENIED, "PERMISSIONS",
                                "user: watchfired runs as user %u, not as root, and cannot become "
                                "%s",
                                (unsigned)geteuid(), user);
    }
    // After setuid, which resets it.
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return rc;
}
