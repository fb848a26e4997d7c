/* For unit tests of what packs: bytes of several natures, the same ones each time. */
#ifndef TESTS_UNIT_FILLER_H
#define TESTS_UNIT_FILLER_H

#include "tests/unit/scratch.h"

#include "lib/base/str.h"

/* Of so many kinds of bytes, at random. */
static inline void fill(unsigned char *p, size_t n, unsigned kinds)
{
    uint32_t x = 7;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (unsigned char)((x >> 24) % kinds);
    }
}

static inline uint32_t next_random(uint32_t *x)
{
    *x = *x * 1664525u + 1013904223u;
    return *x >> 8;
}

/* Words, and turns of phrase that come again. */
static inline void fill_text(unsigned char *p, size_t n)
{
    uint32_t x = 3;

    for (size_t i = 0; i < n;) {
        if (i > 2000 && next_random(&x) % 8) {
            size_t from = i - 100 - next_random(&x) % (i < 30000 ? i - 100 : 30000 - 100), len = 6 + next_random(&x) % 20;

            for (; len > 0 && i < n; len--)
                p[i++] = p[from++];
            continue;
        }
        for (unsigned k = 3 + next_random(&x) % 7; k > 0 && i < n; k--)
            p[i++] = (unsigned char)('a' + next_random(&x) % 26);
        if (i < n)
            p[i++] = ' ';
    }
}

/* This program over and over, each time with other addresses. */
static inline void fill_code(unsigned char *p, size_t n)
{
    rbe_auto(str) struct rbe_str code = {0};
    struct rbe_err e = {0};

    assert_int_equal(rbe_file_get("/proc/self/exe", SIZE_MAX / 4, &code, &e), RBE_OK);
    for (size_t i = 0; i < n; i++) {
        size_t round = i / code.len;

        p[i] = (unsigned char)code.s[i % code.len];
        if (i % 4 == 0 && p[i])
            p[i] = (unsigned char)(p[i] + round * (i / 1024));
    }
}

#endif
