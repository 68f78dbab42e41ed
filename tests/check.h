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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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
