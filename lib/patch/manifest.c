/* Manifests. Sorting puts all that lies below a directory side by side (it shares the prefix up to a slash), which is
 * what both seal and parse use to look at each ancestor once instead of once an entry.
 */
#include "lib/patch/manifest.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/utf8.h"

static const char HEAD[] = "rbe-manifest 1\n";
static const char LETTER[RBE_KIND_MAX] = {[RBE_KIND_FILE] = 'f', [RBE_KIND_DIR] = 'd', [RBE_KIND_LINK] = 'l'};

void rbe_manifest_release(struct rbe_manifest *m)
{
    free(m->entries);
    rbe_arena_release(&m->arena);
    *m = (struct rbe_manifest){0};
}

static uint16_t mode_of(enum rbe_kind kind, uint16_t mode)
{
    if (kind == RBE_KIND_FILE)
        return mode & 0777;
    return kind == RBE_KIND_DIR ? 0755 : 0777;
}

/* A new entry at the end, without path and target. */
static struct rbe_entry *append(struct rbe_manifest *m, enum rbe_kind kind, uint16_t mode)
{
    m->entries = rbe_grow(m->entries, m->n, &m->cap, sizeof(*m->entries));
    struct rbe_entry *entry = &m->entries[m->n++];

    *entry = (struct rbe_entry){.kind = kind, .mode = mode_of(kind, mode)};
    return entry;
}

void rbe_manifest_add(struct rbe_manifest *m, const struct rbe_entry *entry)
{
    struct rbe_entry *copy = append(m, entry->kind, entry->mode);

    copy->path = rbe_arena_strdup(&m->arena, entry->path);
    if (entry->kind == RBE_KIND_LINK)
        copy->target = rbe_arena_strdup(&m->arena, entry->target ? entry->target : "");
    if (entry->kind == RBE_KIND_FILE) {
        copy->size = entry->size;
        memcpy(copy->sha256, entry->sha256, sizeof(copy->sha256));
    }
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct rbe_entry *)a)->path, ((const struct rbe_entry *)b)->path);
}

static void sort(struct rbe_manifest *m)
{
    if (m->n)
        qsort(m->entries, m->n, sizeof(*m->entries), by_path);
}

static const struct rbe_entry *find_in(const struct rbe_entry *entries, size_t n, const char *path)
{
    struct rbe_entry key = {.path = path};

    return n ? bsearch(&key, entries, n, sizeof(*entries), by_path) : NULL;
}

const struct rbe_entry *rbe_manifest_find(const struct rbe_manifest *m, const char *path)
{
    return find_in(m->entries, m->n, path);
}

/* Where the last slash of what both paths begin with stands: ancestors up to there belong to both. */
static size_t common_dir(const char *a, const char *b)
{
    size_t last = 0;

    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '/')
            last = i;
    return last;
}

/* Looks at the ancestors of path beyond the first `known` bytes among the n sorted entries; missing ones are appended
 * behind them. */
static enum rbe_code imply(struct rbe_manifest *m, size_t n, const char *path, size_t known, struct rbe_err *e)
{
    for (const char *slash = strchr(path + known + (known > 0), '/'); slash; slash = strchr(slash + 1, '/')) {
        char *dir = rbe_arena_strndup(&m->arena, path, (size_t)(slash - path));
        const struct rbe_entry *found = find_in(m->entries, n, dir);

        if (!found)
            append(m, RBE_KIND_DIR, 0)->path = dir;
        else if (found->kind != RBE_KIND_DIR)
            return rbe_invalid(e, "file", "tree", "entry \"%s\": lies below \"%s\", which is a %s", path, dir,
                               found->kind == RBE_KIND_LINK ? "link" : "file");
    }
    return RBE_OK;
}

/* False when the sizes add up to more than 64 bits. */
static bool count(struct rbe_manifest *m)
{
    m->files = 0;
    m->bytes = 0;
    for (size_t i = 0; i < m->n; i++) {
        m->files += m->entries[i].kind != RBE_KIND_DIR;
        if (__builtin_add_overflow(m->bytes, m->entries[i].size, &m->bytes))
            return false;
    }
    return true;
}

enum rbe_code rbe_manifest_seal(struct rbe_manifest *m, struct rbe_err *e)
{
    size_t n = m->n;

    sort(m);
    for (size_t i = 0; i < n; i++) {
        /* append may move the entries, the texts stay. */
        const char *path = m->entries[i].path, *before = i ? m->entries[i - 1].path : "";

        if (strcmp(path, before) == 0)
            return rbe_invalid(e, "file", "duplicate", "entry \"%s\": stands twice", path);
        RBE_TRY(imply(m, n, path, common_dir(path, before), e));
    }
    if (m->n > n)
        sort(m);
    if (!count(m))
        return rbe_invalid(e, "file", "size", "the files' sizes add up to too much");
    return RBE_OK;
}

bool rbe_entry_equal(const struct rbe_entry *a, const struct rbe_entry *b)
{
    if (a->kind != b->kind || a->mode != b->mode || a->size != b->size || strcmp(a->path, b->path) != 0)
        return false;
    if (a->kind == RBE_KIND_LINK)
        return strcmp(a->target, b->target) == 0;
    return memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0;
}

void rbe_manifest_format(const struct rbe_manifest *m, struct rbe_str *out)
{
    rbe_str_puts(out, HEAD);
    for (size_t i = 0; i < m->n; i++) {
        const struct rbe_entry *entry = &m->entries[i];
        char sum[RBE_SHA256_TEXT] = "-";

        if (entry->kind == RBE_KIND_FILE)
            rbe_hex_encode(entry->sha256, sizeof(entry->sha256), sum);
        rbe_str_putf(out, "%c\t%04o\t%llu\t%s\t", LETTER[entry->kind], (unsigned)entry->mode,
                     (unsigned long long)entry->size, sum);
        rbe_str_puts(out, entry->path);
        if (entry->target) {
            rbe_str_putc(out, '\t');
            rbe_str_puts(out, entry->target);
        }
        rbe_str_putc(out, '\n');
    }
}

void rbe_manifest_hash(const struct rbe_manifest *m, unsigned char ret_sum[static RBE_SHA256_SIZE])
{
    rbe_auto(str) struct rbe_str text = {0};

    rbe_manifest_format(m, &text);
    rbe_sha256_of(text.s, text.len, ret_sum);
}

struct span {
    const char *s;
    size_t len;
};

enum { FIELDS = 6 };

/* Parts a line at its tabs; 0 when there are more than FIELDS. */
static size_t split(struct span line, struct span ret[static FIELDS])
{
    size_t n = 0;

    for (;;) {
        const char *tab = memchr(line.s, '\t', line.len);
        size_t len = tab ? (size_t)(tab - line.s) : line.len;

        if (n == FIELDS)
            return 0;
        ret[n++] = (struct span){line.s, len};
        if (!tab)
            return n;
        line.s += len + 1;
        line.len -= len + 1;
    }
}

static bool kind_parse(struct span text, enum rbe_kind *ret)
{
    for (enum rbe_kind kind = 0; kind < RBE_KIND_MAX; kind++)
        if (text.len == 1 && text.s[0] == LETTER[kind]) {
            *ret = kind;
            return true;
        }
    return false;
}

static bool mode_parse(struct span text, uint16_t *ret)
{
    if (text.len != 4 || text.s[0] != '0')
        return false;
    *ret = 0;
    for (size_t i = 1; i < text.len; i++) {
        if (text.s[i] < '0' || text.s[i] > '7')
            return false;
        *ret = (uint16_t)(*ret * 8 + (text.s[i] - '0'));
    }
    return true;
}

static bool size_parse(struct span text, uint64_t *ret)
{
    if (text.len == 0 || (text.len > 1 && text.s[0] == '0'))
        return false;
    *ret = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.s[i] < '0' || text.s[i] > '9')
            return false;
        if (__builtin_mul_overflow(*ret, (uint64_t)10, ret) ||
            __builtin_add_overflow(*ret, (uint64_t)(text.s[i] - '0'), ret))
            return false;
    }
    return true;
}

static bool text_good(struct span text)
{
    return text.len > 0 && rbe_utf8_valid(text.s, text.len) && !rbe_utf8_has_control(text.s, text.len);
}

bool rbe_manifest_path_valid(const char *path, size_t path_len)
{
    const char *part = path, *end = path + path_len;

    if (!text_good((struct span){path, path_len}))
        return false;
    for (;;) {
        const char *slash = memchr(part, '/', (size_t)(end - part));
        size_t len = (size_t)((slash ? slash : end) - part);

        if (len == 0 || (len <= 2 && memcmp(part, "..", len) == 0))
            return false;
        if (!slash)
            return true;
        part = slash + 1;
    }
}

/* Appends the entry of one line; false when format would not have written it. */
static bool line_parse(struct rbe_manifest *m, struct span line)
{
    struct span f[FIELDS] = {{0}};
    size_t n = split(line, f);
    enum rbe_kind kind;
    uint16_t mode;
    uint64_t size;

    if (n < 5 || !kind_parse(f[0], &kind) || n != (kind == RBE_KIND_LINK ? 6 : 5) || !mode_parse(f[1], &mode) ||
        !size_parse(f[2], &size) || !rbe_manifest_path_valid(f[4].s, f[4].len))
        return false;
    if (mode != mode_of(kind, mode) || (kind != RBE_KIND_FILE && (size != 0 || f[3].len != 1 || f[3].s[0] != '-')))
        return false;
    struct rbe_entry *entry = append(m, kind, mode);

    entry->size = size;
    if (kind == RBE_KIND_FILE && !rbe_hex_decode(f[3].s, f[3].len, entry->sha256, sizeof(entry->sha256)))
        return false;
    if (kind == RBE_KIND_LINK && !text_good(f[5]))
        return false;
    entry->path = rbe_arena_strndup(&m->arena, f[4].s, f[4].len);
    if (kind == RBE_KIND_LINK)
        entry->target = rbe_arena_strndup(&m->arena, f[5].s, f[5].len);
    return true;
}

/* Whether the last entry stands in its place: behind the one before, in a directory that is there. */
static bool placed(const struct rbe_manifest *m)
{
    const char *path = m->entries[m->n - 1].path, *before = m->n > 1 ? m->entries[m->n - 2].path : "";
    const char *slash = strrchr(path, '/');

    if (strcmp(before, path) >= 0)
        return false;
    if (!slash || common_dir(path, before) == (size_t)(slash - path))
        return true;
    rbe_autofree char *dir = rbe_strndup(path, (size_t)(slash - path));
    const struct rbe_entry *found = find_in(m->entries, m->n - 1, dir);

    return found && found->kind == RBE_KIND_DIR;
}

static enum rbe_code parse_lines(const char *text, size_t len, struct rbe_manifest *m, struct rbe_err *e)
{
    const char *end = text + len;

    if (len < sizeof(HEAD) - 1 || memcmp(text, HEAD, sizeof(HEAD) - 1) != 0)
        return rbe_fail(e, RBE_FAULT, "manifest: does not begin with \"%.*s\"", (int)sizeof(HEAD) - 2, HEAD);
    text += sizeof(HEAD) - 1;
    for (size_t line = 2; text < end; line++) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));

        if (!nl || !line_parse(m, (struct span){text, (size_t)(nl - text)}) || !placed(m))
            return rbe_fail(e, RBE_FAULT, "manifest: line %zu is broken", line);
        text = nl + 1;
    }
    return count(m) ? RBE_OK : rbe_fail(e, RBE_FAULT, "manifest: the files' sizes add up to too much");
}

enum rbe_code rbe_manifest_parse(const char *text, size_t len, struct rbe_manifest *ret, struct rbe_err *e)
{
    struct rbe_manifest m = {0};
    enum rbe_code code = parse_lines(text, len, &m, e);

    if (code == RBE_OK)
        *ret = m;
    else
        rbe_manifest_release(&m);
    return code;
}
