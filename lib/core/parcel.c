/* Numbers take seven bits a byte, the lowest first, the eighth says that more come:
 *     epoch and value of the mark; 1 for a record, 0 for none; and of a record its numbers
 *     32 bytes of SHA-256
 *     its texts, each with its NUL
 */
#include "lib/core/parcel.h"

#include <string.h>

enum { KINDS = 8, NUMBERS = 7, TEXTS = 3 };

/* Of enums, of numbers, and of texts. */
static const size_t kinds[KINDS] = {
    offsetof(struct rbe_latest, channel), offsetof(struct rbe_latest, system),     offsetof(struct rbe_latest, arch),
    offsetof(struct rbe_latest, update),  offsetof(struct rbe_latest, format),     offsetof(struct rbe_latest, access),
    offsetof(struct rbe_latest, verdict), offsetof(struct rbe_latest, grant.kind),
};
static const size_t numbers[NUMBERS] = {
    offsetof(struct rbe_latest, version_number), offsetof(struct rbe_latest, file_size),
    offsetof(struct rbe_latest, grant.package),  offsetof(struct rbe_latest, published_at),
    offsetof(struct rbe_latest, resource),       offsetof(struct rbe_latest, stands_at),
    offsetof(struct rbe_latest, goes_to),
};
static const size_t texts[TEXTS] = {
    offsetof(struct rbe_latest, version_name),
    offsetof(struct rbe_latest, release_note),
    offsetof(struct rbe_latest, custom_data),
};
_Static_assert(sizeof(enum rbe_channel) == sizeof(unsigned) && sizeof(enum rbe_code) == sizeof(unsigned), "enums are as wide");

/* What is still to be read. */
struct rest {
    const unsigned char *p, *end;
    bool whole;                  /* nothing was missing so far */
};

static void put_number(struct rbe_str *out, uint64_t n)
{
    for (; n > 127; n >>= 7)
        rbe_str_putc(out, (char)(n | 128));
    rbe_str_putc(out, (char)n);
}

static uint64_t get_number(struct rest *r)
{
    uint64_t n = 0;

    for (unsigned shift = 0; r->p < r->end && shift < 64; shift += 7) {
        const unsigned char c = *r->p++;

        n |= (uint64_t)(c & 127) << shift;
        if (c < 128)
            return n;
    }
    r->whole = false;
    return 0;
}

static const char *get_text(struct rest *r)
{
    const char *text = (const char *)r->p;
    const unsigned char *end = memchr(r->p, 0, (size_t)(r->end - r->p));

    r->whole = r->whole && end;
    r->p = end ? end + 1 : r->end;
    return text;
}

void rbe_parcel_pack(struct rbe_str *out, const struct rbe_fresh *mark, const struct rbe_latest *l)
{
    const char *at = (const char *)l;

    put_number(out, mark->epoch);
    put_number(out, mark->value);
    put_number(out, l ? 1 : 0);
    if (!l)
        return;
    put_number(out, l->named);
    for (size_t i = 0; i < KINDS; i++)
        put_number(out, *(const unsigned *)(const void *)(at + kinds[i]));
    for (size_t i = 0; i < NUMBERS; i++)
        put_number(out, (uint64_t)*(const int64_t *)(const void *)(at + numbers[i]));
    rbe_str_put(out, l->sha256, sizeof(l->sha256));
    for (size_t i = 0; i < TEXTS; i++) {
        const char *text = *(const char *const *)(const void *)(at + texts[i]);

        rbe_str_put(out, text, strlen(text) + 1);
    }
}

static void unpack_record(struct rest *r, const char *rid, struct rbe_latest *ret)
{
    char *at = (char *)ret;

    *ret = (struct rbe_latest){.rid = rid, .named = get_number(r) != 0};
    for (size_t i = 0; i < KINDS; i++)
        *(unsigned *)(void *)(at + kinds[i]) = (unsigned)get_number(r);
    for (size_t i = 0; i < NUMBERS; i++)
        *(int64_t *)(void *)(at + numbers[i]) = (int64_t)get_number(r);
    if ((size_t)(r->end - r->p) < sizeof(ret->sha256)) {
        r->whole = false;
        return;
    }
    memcpy(ret->sha256, r->p, sizeof(ret->sha256));
    r->p += sizeof(ret->sha256);
    for (size_t i = 0; i < TEXTS; i++)
        *(const char **)(void *)(at + texts[i]) = get_text(r);
}

enum rbe_answer_found rbe_parcel_unpack(const void *p, size_t n, const struct rbe_fresh *mark, const char *rid,
                                        struct rbe_latest *ret)
{
    struct rest r = {.p = p, .end = (const unsigned char *)p + n, .whole = true};
    const uint64_t epoch = get_number(&r), value = get_number(&r), records = get_number(&r);

    if (!r.whole || epoch != mark->epoch || value != mark->value)
        return RBE_ANSWER_UNKNOWN;
    if (records == 0)
        return RBE_ANSWER_ABSENT;
    unpack_record(&r, rid, ret);
    return r.whole && r.p == r.end ? RBE_ANSWER_RECORD : RBE_ANSWER_UNKNOWN;
}
