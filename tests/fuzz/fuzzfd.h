/* An input as a file without a name, for parsers that seek. */
#ifndef RBE_TESTS_FUZZFD_H
#define RBE_TESTS_FUZZFD_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static inline int fuzz_fd(const uint8_t *p, size_t n)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0 || write(fd, p, n) != (ssize_t)n)
        abort();
    return fd;
}

#endif
