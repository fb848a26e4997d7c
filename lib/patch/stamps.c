/* Stamps. */
#include "lib/patch/stamps.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/codec.h"

static const char HEAD[] = "rbe-stamps 1\n";
static const int64_t SECOND = 1000000000;

void rbe_stamps_release(struct rbe_stamps *s)
{
    free(s->v);
    *s = (struct rbe_stamps){0};
}

struct rbe_stamp rbe_stamp_of(const struct stat *st)
{
    return (struct rbe_stamp){
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime = (int64_t)st->st_mtim.tv_sec * SECOND + st->st_mtim.tv_nsec,
        .ctime = (int64_t)st->st_ctim.tv_sec * SECOND + st->st_ctim.tv_nsec,
    };
}

bool rbe_stamp_equal(const struct rbe_stamp *a, const struct rbe_stamp *b)
{
    return a->inode == b->inode && a->inode != 0 && a->size == b->size && a->mtime == b->mtime && a->ctime == b->ctime;
}

static bool number(const char **at, char end, int64_t *ret)
{
    char *stop;

    errno = 0;
    *ret = strtoll(*at, &stop, 10);
    if (errno || stop == *at || *stop != end)
        return false;
    *at = stop + 1;
    return true;
}

static bool stamp_parse(const char **at, struct rbe_stamp *ret)
{
    int64_t inode, size;

    if ((*at)[0] == '-' && (*at)[1] == '\n') {
        *at += 2;
        return true;
    }
    if (!number(at, ' ', &inode) || !number(at, ' ', &size) || !number(at, ' ', &ret->mtime) || !number(at, '\n', &ret->ctime))
        return false;
    ret->inode = (uint64_t)inode;
    ret->size = (uint64_t)size;
    return true;
}

static bool parse(const char *text, const struct rbe_installed *of, struct rbe_stamps *s)
{
    char sum[RBE_SHA256_TEXT];

    rbe_hex_encode(of->sum, sizeof(of->sum), sum);
    if (strncmp(text, HEAD, sizeof(HEAD) - 1) != 0)
        return false;
    text += sizeof(HEAD) - 1;
    if (strncmp(text, sum, sizeof(sum) - 1) != 0 || text[sizeof(sum) - 1] != '\n')
        return false;
    text += sizeof(sum);
    for (size_t i = 0; i < s->n; i++)
        if (!stamp_parse(&text, &s->v[i]))
            return false;
    return *text == '\0';
}

void rbe_stamps_load(const struct rbe_home *h, const struct rbe_installed *of, struct rbe_stamps *ret)
{
    rbe_auto(str) struct rbe_str text = {0};

    *ret = (struct rbe_stamps){rbe_alloc_array(of->manifest.n, sizeof(*ret->v)), of->manifest.n};
    if (rbe_home_get(h, RBE_HOME_STAMPS, RBE_INSTALLED_MANIFEST_MAX, &text, NULL) == RBE_OK && parse(text.s, of, ret))
        return;
    for (size_t i = 0; i < ret->n; i++)
        ret->v[i] = (struct rbe_stamp){0};
}

enum rbe_code rbe_stamps_save(const struct rbe_home *h, const struct rbe_installed *of, const struct rbe_stamps *s,
                              struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str text = {0};
    char sum[RBE_SHA256_TEXT];

    rbe_hex_encode(of->sum, sizeof(of->sum), sum);
    rbe_str_putf(&text, "%s%s\n", HEAD, sum);
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].inode)
            rbe_str_putf(&text, "%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 "\n", s->v[i].inode, s->v[i].size,
                         s->v[i].mtime, s->v[i].ctime);
        else
            rbe_str_puts(&text, "-\n");
    return rbe_home_put(h, RBE_HOME_STAMPS, &text, e);
}
