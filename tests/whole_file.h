// SPDX-License-Identifier: Apache-2.0
// A file read and written whole, to damage it in between. After check.h.
#ifndef WF_TESTS_WHOLE_FILE_H
#define WF_TESTS_WHOLE_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

// NULL when there is none; freed by the caller.
static inline uint8_t *read_whole(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rbe");
    struct stat st;
    *n = 0;
    if (!f)
        return NULL;
    assert_int_equal(fstat(fileno(f), &st), 0);
    *n = (size_t)st.st_size;
    uint8_t *data = malloc(*n + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *n, f), *n);
    fclose(f);
    return data;
}

static inline void write_whole(const char *path, const uint8_t *data, size_t n)
{
    FILE *f = fopen(path, "wbe");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

#endif
