/* Journals as text. */
#include "lib/patch/journal.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/patch/rules.h"
#include "lib/wrap/hash.h"

static const char HEAD[] = "rbe-journal 1\n";
static const char *const WORD[RBE_STEP_MAX] = {
    [RBE_STEP_DEL] = "del", [RBE_STEP_RMDIR] = "rmdir", [RBE_STEP_MKDIR] = "mkdir", [RBE_STEP_PUT] = "put",
};

static bool of_directory(enum rbe_step step)
{
    return step == RBE_STEP_RMDIR || step == RBE_STEP_MKDIR;
}

void rbe_journal_release(struct rbe_journal *j)
{
    free(j->steps);
    rbe_arena_release(&j->arena);
    *j = (struct rbe_journal){0};
}

static struct rbe_journal_step *append(struct rbe_journal *j)
{
    j->steps = rbe_grow(j->steps, j->n, &j->cap, sizeof(*j->steps));
    return &j->steps[j->n++];
}

void rbe_journal_add(struct rbe_journal *j, enum rbe_step step, uint32_t number, const char *path)
{
    *append(j) = (struct rbe_journal_step){step, number, rbe_arena_strdup(&j->arena, path)};
}

static void put_end(struct rbe_str *out)
{
    unsigned char sum[RBE_SHA256_SIZE];
    char text[RBE_SHA256_TEXT];

    rbe_sha256_of(out->s, out->len, sum);
    rbe_hex_encode(sum, sizeof(sum), text);
    rbe_str_putf(out, "end\t%s\n", text);
}

void rbe_journal_format(const struct rbe_journal *j, struct rbe_str *out)
{
    rbe_str_reset(out);
    rbe_str_putf(out, "%s%s\t%s\t%s\n", HEAD, j->back ? "back" : "forward", j->set, j->undo ? "undo" : "drop");
    for (size_t i = 0; i < j->n; i++) {
        const struct rbe_journal_step *s = &j->steps[i];

        rbe_str_putf(out, of_directory(s->step) ? "%s\t%04o\t%s\n" : "%s\t%u\t%s\n", WORD[s->step], (unsigned)s->number, s->path);
    }
    put_end(out);
}

/* ---- parsing ---- */

struct span {
    const char *s;
    size_t len;
};

static bool is(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.s, text, s.len) == 0;
}

/* The three fields of a line; the third takes the rest. */
static bool split(struct span line, struct span f[static 3])
{
    for (int i = 0; i < 2; i++) {
        const char *tab = memchr(line.s, '\t', line.len);

        if (!tab)
            return false;
        f[i] = (struct span){line.s, (size_t)(tab - line.s)};
        line = (struct span){tab + 1, line.len - f[i].len - 1};
    }
    f[2] = line;
    return true;
}

/* Digits of a base, as format writes them. */
static bool number_parse(struct span text, uint32_t base, uint32_t max, uint32_t *ret)
{
    uint64_t v = 0;

    if (text.len == 0 || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint32_t digit = (uint32_t)(unsigned char)text.s[i] - '0';

        if (digit >= base)
            return false;
        v = v * base + digit;
    }
    *ret = (uint32_t)v;
    return v <= max;
}

static bool head_parse(struct span line, struct rbe_journal *j)
{
    unsigned char bytes[8];
    struct span f[3];

    if (!split(line, f) || !(is(f[0], "back") || is(f[0], "forward")) || !(is(f[2], "undo") || is(f[2], "drop")))
        return false;
    if (f[1].len != RBE_SET_NAME - 1 || !rbe_hex_decode(f[1].s, f[1].len, bytes, sizeof(bytes)))
        return false;
    j->back = is(f[0], "back");
    j->undo = is(f[2], "undo");
    memcpy(j->set, f[1].s, f[1].len);
    return true;
}

static bool step_parse(struct span line, struct rbe_journal *j)
{
    struct span f[3];
    enum rbe_step step = 0;
    uint32_t number;

    if (!split(line, f))
        return false;
    while (step < RBE_STEP_MAX && !is(f[0], WORD[step]))
        step++;
    if (step == RBE_STEP_MAX || !(of_directory(step) ? number_parse(f[1], 8, 07777, &number)
                                                     : number_parse(f[1], 10, UINT32_MAX, &number)))
        return false;
    if (rbe_rules_name((struct rbe_rules_span){f[2].s, f[2].len}, 0, NULL) != RBE_OK)
        return false;
    *append(j) = (struct rbe_journal_step){step, number, rbe_arena_strndup(&j->arena, f[2].s, f[2].len)};
    return true;
}

/* The last line proves that the text is whole. */
static bool end_good(const char *text, size_t len, size_t *ret_body)
{
    enum { END_LEN = 4 + RBE_SHA256_TEXT };
    rbe_auto(str) struct rbe_str again = {0};

    if (len < END_LEN)
        return false;
    *ret_body = len - END_LEN;
    rbe_str_put(&again, text, *ret_body);
    put_end(&again);
    return memcmp(again.s + *ret_body, text + *ret_body, END_LEN) == 0;
}

static bool parse(const char *text, size_t len, struct rbe_journal *j)
{
    const size_t head = sizeof(HEAD) - 1;
    bool first = true;
    size_t body;

    if (!end_good(text, len, &body) || body < head || memcmp(text, HEAD, head) != 0)
        return false;
    for (const char *at = text + head, *end = text + body; at < end || first; first = false) {
        const char *nl = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;

        if (!nl)
            return false;
        struct span line = {at, (size_t)(nl - at)};
        if (!(first ? head_parse(line, j) : step_parse(line, j)))
            return false;
        at = nl + 1;
    }
    return true;
}

enum rbe_code rbe_journal_parse(const char *text, size_t len, struct rbe_journal *ret, struct rbe_err *e)
{
    struct rbe_journal j = {0};

    if (!parse(text, len, &j)) {
        rbe_journal_release(&j);
        return rbe_invalid(e, "journal", "format", "the journal is broken");
    }
    *ret = j;
    return RBE_OK;
}
