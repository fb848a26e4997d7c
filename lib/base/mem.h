/* Memory that is there or the process is not: allocation, cleanup attributes, arenas.
 *
 * Every allocation aborts when memory runs out (a worker is forked anew by its parent), so no caller tests for NULL.
 * Sizes that come from outside are bounded by the caller before they reach this file.
 *
 * An arena hands out memory that is all released at once: one a request, one a job. It grows in chunks, keeps its first
 * chunk over a reset, and never moves what it has handed out.
 */
#ifndef RBE_BASE_MEM_H
#define RBE_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* Zeroed memory of n bytes (n may be 0); the caller frees it. */
void *rbe_alloc(size_t n) __attribute__((malloc, returns_nonnull));
/* An array of n times size bytes, zeroed; aborts when the product overflows. */
void *rbe_alloc_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* Resizes p, which may be NULL; new bytes are not zeroed. */
void *rbe_realloc(void *p, size_t n) __attribute__((returns_nonnull));
/* An array of n elements of `size` bytes each, with room for *room of them (NULL and 0 at first): with room for one more, and
 * moved where that takes it. */
void *rbe_grow(void *array, size_t n, size_t *room, size_t size) __attribute__((returns_nonnull));
char *rbe_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *rbe_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *rbe_strfmt(const char *fmt, ...) __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

struct rbe_arena_chunk;
struct rbe_arena {
    struct rbe_arena_chunk *head;
};

/* A zeroed struct rbe_arena is a valid empty one. */
void *rbe_arena_alloc(struct rbe_arena *a, size_t n) __attribute__((malloc, returns_nonnull));
void *rbe_arena_alloc_array(struct rbe_arena *a, size_t n, size_t size) __attribute__((malloc, returns_nonnull));
char *rbe_arena_strdup(struct rbe_arena *a, const char *s) __attribute__((malloc, returns_nonnull));
char *rbe_arena_strndup(struct rbe_arena *a, const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *rbe_arena_strfmt(struct rbe_arena *a, const char *fmt, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 2, 3)));
/* The texts one after the other, as one; the list ends with NULL. */
char *rbe_arena_join(struct rbe_arena *a, const char *const *texts) __attribute__((malloc, returns_nonnull));
#define RBE_ARENA_JOIN(a, ...) rbe_arena_join((a), (const char *const[]){__VA_ARGS__, NULL})
/* Forgets everything handed out, keeps one chunk for the next round. */
void rbe_arena_reset(struct rbe_arena *a);
void rbe_arena_release(struct rbe_arena *a);

/* Cleanup attributes. A variable that carries one is initialised where it is declared. */
static inline void rbe_cleanup_free(void *p)
{
    free(*(void **)p);
}
static inline void rbe_cleanup_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define rbe_autofree __attribute__((cleanup(rbe_cleanup_free)))
#define rbe_autoclose __attribute__((cleanup(rbe_cleanup_close)))
/* rbe_auto(str) struct rbe_str s = {0}; calls rbe_str_release(&s) at the end of the scope. */
#define rbe_auto(x) __attribute__((cleanup(rbe_##x##_release)))
/* rbe_autoptr(store) struct rbe_store *s = NULL; calls rbe_store_cleanup(&s), see RBE_DEFINE_CLEANUP. */
#define rbe_autoptr(x) __attribute__((cleanup(rbe_##x##_cleanup)))
/* Beside the prototypes of a heap type: makes rbe_<x>_cleanup from its free or close function, which takes NULL. */
#define RBE_DEFINE_CLEANUP(x, type, fn)             \
    static inline void rbe_##x##_cleanup(type **p) \
    {                                               \
        fn(*p);                                     \
    }
/* Hands an owned pointer or descriptor on, so that the cleanup attribute leaves it alone. */
#define rbe_steal(p)            \
    ({                          \
        __auto_type _p = (p);   \
        (p) = 0;                \
        _p;                     \
    })
#define rbe_steal_fd(fd)        \
    ({                          \
        int _fd = (fd);         \
        (fd) = -1;              \
        _fd;                    \
    })

#define RBE_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
