#include "lib/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_CHUNK = 16 * 1024, ARENA_ALIGN = 16 };

struct rbe_arena_chunk {
    struct rbe_arena_chunk *next;
    size_t used, size;
    _Alignas(ARENA_ALIGN) char data[];
};

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

static size_t product(size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total))
        abort();
    return total;
}

void *rbe_alloc(size_t n)
{
    return must(calloc(1, n ? n : 1));
}

void *rbe_alloc_array(size_t n, size_t size)
{
    return rbe_alloc(product(n, size));
}

void *rbe_realloc(void *p, size_t n)
{
    return must(realloc(p, n ? n : 1));
}

void *rbe_grow(void *array, size_t n, size_t *room, size_t size)
{
    enum { FEW = 16 };

    if (n < *room)
        return array;
    *room = *room ? product(*room, 2) : FEW;
    return rbe_realloc(array, product(*room, size));
}

char *rbe_strdup(const char *s)
{
    return must(strdup(s));
}

char *rbe_strndup(const char *s, size_t n)
{
    return must(strndup(s, n));
}

char *rbe_strfmt(const char *fmt, ...)
{
    va_list ap;
    char *s = NULL;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        abort();
    va_end(ap);
    return s;
}

void *rbe_arena_alloc(struct rbe_arena *a, size_t n)
{
    struct rbe_arena_chunk *c = a->head;

    if (n > SIZE_MAX / 2)
        abort();
    n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (!c || c->size - c->used < n) {
        size_t size = n > ARENA_CHUNK ? n : ARENA_CHUNK;

        c = must(malloc(sizeof(*c) + size));
        c->next = a->head;
        c->used = 0;
        c->size = size;
        a->head = c;
    }
    void *p = c->data + c->used;
    c->used += n;
    return memset(p, 0, n);
}

void *rbe_arena_alloc_array(struct rbe_arena *a, size_t n, size_t size)
{
    return rbe_arena_alloc(a, product(n, size));
}

char *rbe_arena_strndup(struct rbe_arena *a, const char *s, size_t n)
{
    size_t len = strnlen(s, n);

    return memcpy(rbe_arena_alloc(a, len + 1), s, len);
}

char *rbe_arena_strdup(struct rbe_arena *a, const char *s)
{
    return rbe_arena_strndup(a, s, strlen(s));
}

char *rbe_arena_strfmt(struct rbe_arena *a, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        abort();
    char *s = rbe_arena_alloc(a, (size_t)n + 1);
    (void)vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return s;
}

char *rbe_arena_join(struct rbe_arena *a, const char *const *texts)
{
    size_t len = 0;

    for (size_t i = 0; texts[i]; i++)
        len += strlen(texts[i]);
    char *joined = rbe_arena_alloc(a, len + 1), *to = joined;
    for (size_t i = 0; texts[i]; i++)
        to = stpcpy(to, texts[i]);
    return joined;
}

void rbe_arena_reset(struct rbe_arena *a)
{
    struct rbe_arena_chunk *c = a->head;

    while (c && c->next) {
        struct rbe_arena_chunk *next = c->next;
        free(c);
        c = next;
    }
    if (c)
        c->used = 0;
    a->head = c;
}

void rbe_arena_release(struct rbe_arena *a)
{
    rbe_arena_reset(a);
    free(a->head);
    a->head = NULL;
}
