// SPDX-License-Identifier: Apache-2.0
// What every cmocka test needs before <cmocka.h>, and a check that a contract fires.
#ifndef WF_TESTS_CHECK_H
#define WF_TESTS_CHECK_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// What this machine does not allow (mounts, namespaces, another user's id) is a failure, as for the
// chaos tests, unless WF_CHAOS_OPTIONAL=1 says that it may be passed over.
static inline void not_allowed_here(const char *what)
{
    const char *optional = getenv("WF_CHAOS_OPTIONAL");

    if (optional == NULL || optional[0] != '1')
        fail_msg("%s: not allowed here; run it as root, or set WF_CHAOS_OPTIONAL=1", what);
    skip();
}

// How many bytes on the next damage is tried: usual ones as a rule, every one with
// WF_DAMAGE_STEP=1.
static inline size_t damage_step(size_t usual)
{
    const char *wanted = getenv("WF_DAMAGE_STEP");
    size_t step = wanted != NULL ? strtoul(wanted, NULL, 10) : usual;

    assert_true(step > 0);
    return step;
}

// The expression must end in a failed WF_ASSERT: it runs in a child, which must die of SIGABRT.
#define expect_abort(expr)                                                                         \
    do {                                                                                           \
        pid_t child_ = fork();                                                                     \
        assert_true(child_ >= 0);                                                                  \
        if (child_ == 0) {                                                                         \
            int null_ = open("/dev/null", O_WRONLY);                                               \
            dup2(null_, STDERR_FILENO);                                                            \
            signal(SIGABRT, SIG_DFL);                                                              \
            (void)(expr);                                                                          \
            _exit(0);                                                                              \
        }                                                                                          \
        int status_ = 0;                                                                           \
        assert_int_equal(waitpid(child_, &status_, 0), child_);                                    \
        assert_true(WIFSIGNALED(status_) && WTERMSIG(status_) == SIGABRT);                         \
    } while (0)

#endif
