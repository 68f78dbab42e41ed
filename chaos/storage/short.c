// SPDX-License-Identifier: Apache-2.0
// LD_PRELOAD: every so manyth write to a file is short or interrupted, as POSIX lets them be. A
// right program does not notice. Sockets and pipes are left alone: there it is everyday.
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { EVERY = 3 }; // one in so many is tampered with: by turns half of it, a byte of it, and EINTR

static size_t allowed(int fd, size_t n)
{
    static atomic_uint count;
    struct stat st;
    if (n < 2 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return n;
    unsigned turn = atomic_fetch_add(&count, 1);
    if (turn % EVERY != 0)
        return n;
    unsigned way = turn / EVERY % 3;
    return way == 0 ? n / 2 : way == 1 ? 1 : 0;
}

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t n)
{
    static __typeof__(&write) real;
    if (!real)
        real = REAL(write);
    size_t may = allowed(fd, n);
    if (may > 0 || n == 0)
        return real(fd, data, may);
    errno = EINTR;
    return -1;
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    static __typeof__(&pwrite) real;
    if (!real)
        real = REAL(pwrite);
    size_t may = allowed(fd, n);
    if (may > 0 || n == 0)
        return real(fd, data, may, at);
    errno = EINTR;
    return -1;
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    static __typeof__(&pwrite64) real;
    if (!real)
        real = REAL(pwrite64);
    size_t may = allowed(fd, n);
    if (may > 0 || n == 0)
        return real(fd, data, may, at);
    errno = EINTR;
    return -1;
}
