#include "lib/core/vercmp.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/core/verparser.h"

enum { NAME_MAX_LEN = 128 };

/* Tried from the top; a row's number is its place, from 1, and is kept in the database: append only. */
static const struct {
    const char *name;
    int revision;                /* raised when the parser's keys change */
    bool (*parse)(const char *name, size_t len, struct rbe_verkey *ret);
} parsers[] = {
    {"semver", 1, rbe_ver_semver},
    {"datetime", 1, rbe_ver_datetime},
};

void rbe_verkey_of(const char *name, struct rbe_verkey *ret)
{
    size_t len = strlen(name);

    ret->parser = 0;
    ret->len = 0;
    if (len > NAME_MAX_LEN)
        return;
    if (name[0] == 'v' || name[0] == 'V') {
        name++;
        len--;
    }
    for (size_t i = 0; i < RBE_COUNT(parsers); i++) {
        ret->len = 0;
        if (parsers[i].parse(name, len, ret)) {
            ret->parser = (int)i + 1;
            return;
        }
    }
    ret->len = 0;
}

int rbe_verkey_cmp(const void *a, size_t a_len, const void *b, size_t b_len)
{
    size_t n = a_len < b_len ? a_len : b_len;
    int way = n ? memcmp(a, b, n) : 0;

    return way ? way : (a_len > b_len) - (a_len < b_len);
}

const char *rbe_verparser_name(int parser)
{
    return parser >= 1 && (size_t)parser <= RBE_COUNT(parsers) ? parsers[parser - 1].name : "none";
}

void rbe_vercmp_rules(struct rbe_str *out)
{
    for (size_t i = 0; i < RBE_COUNT(parsers); i++)
        rbe_str_putf(out, "%s%s-%d", i ? " " : "", parsers[i].name, parsers[i].revision);
}
