// SPDX-License-Identifier: Apache-2.0
// What every cmocka test needs before <cmocka.h>.
#ifndef WF_TESTS_CHECK_H
#define WF_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
