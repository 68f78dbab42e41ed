// SPDX-License-Identifier: Apache-2.0
// Assertions: for our own bugs only, never for what the world sends. They stay on in release: a
// node that has lost its mind must stop before it acknowledges anything more.
#ifndef WF_BASE_ASSERT_H
#define WF_BASE_ASSERT_H

// Print the broken expectation to stderr and abort().
_Noreturn void wf_assert_failed(const char *expr, const char *file, int line, const char *func);

#define WF_ASSERT(cond) ((cond) ? (void)0 : wf_assert_failed(#cond, __FILE__, __LINE__, __func__))

// A place that cannot be reached.
#define WF_UNREACHABLE() wf_assert_failed("unreachable", __FILE__, __LINE__, __func__)

#endif
