#include "bin/table.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/utf8.h"

enum { GAP = 2 };

void rbe_table_init(struct rbe_table *t, struct rbe_arena *arena, const struct rbe_table_column *columns,
                    size_t n_columns)
{
    *t = (struct rbe_table){.arena = arena, .columns = columns, .n_columns = n_columns};
}

static void keep(struct rbe_table *t, const char *text)
{
    if (t->n_cells == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        const char **cells = rbe_arena_alloc_array(t->arena, cap, sizeof(*cells));

        if (t->n_cells)
            memcpy(cells, t->cells, t->n_cells * sizeof(*cells));
        t->cells = cells;
        t->cap = cap;
    }
    t->cells[t->n_cells++] = text;
}

/* A copy fit for a terminal: C0, DEL, C1 and broken bytes become '?'. */
static const char *printable(struct rbe_arena *arena, const char *text)
{
    size_t len = strlen(text), to = 0;
    char *copy = rbe_arena_alloc(arena, len + 1);

    for (size_t at = 0; at < len;) {
        size_t n = rbe_utf8_sequence(text + at, len - at);

        if (n == 0 || rbe_utf8_has_control(text + at, n)) {
            copy[to++] = '?';
            at += n ? n : 1;
            continue;
        }
        memcpy(copy + to, text + at, n);
        to += n;
        at += n;
    }
    return copy;
}

void rbe_table_text(struct rbe_table *t, const char *text)
{
    keep(t, text ? printable(t->arena, text) : "");
}

void rbe_table_int(struct rbe_table *t, int64_t n)
{
    keep(t, rbe_arena_strfmt(t->arena, "%lld", (long long)n));
}

const char *rbe_table_size_text(struct rbe_arena *arena, int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double size = (double)bytes;
    size_t unit = 0;

    while (size >= 1000 && unit + 1 < RBE_COUNT(units)) {
        size /= 1024;
        unit++;
    }
    return rbe_arena_strfmt(arena, "%.*f %s", unit && size < 9.995 ? 2 : unit && size < 99.95 ? 1 : 0, size,
                            units[unit]);
}

void rbe_table_size(struct rbe_table *t, int64_t bytes)
{
    keep(t, rbe_table_size_text(t->arena, bytes));
}

void rbe_table_time(struct rbe_table *t, int64_t seconds, const char *never)
{
    char text[RBE_CLOCK_TEXT];

    if (!seconds) {
        keep(t, never);
        return;
    }
    rbe_clock_format(seconds, text);
    keep(t, rbe_arena_strdup(t->arena, text));
}

/* Characters, not bytes; every one is taken to be one column wide. */
static size_t width_of(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void put_cell(const struct rbe_table *t, struct rbe_str *out, size_t column, const char *text, size_t width)
{
    size_t pad = width - width_of(text);
    bool last = column + 1 == t->n_columns;

    if (t->columns[column].right)
        rbe_str_putf(out, "%*s", (int)pad, "");
    rbe_str_puts(out, text);
    if (!last)
        rbe_str_putf(out, "%*s", (int)(GAP + (t->columns[column].right ? 0 : pad)), "");
}

static void end_line(struct rbe_str *out)
{
    while (out->len && out->s[out->len - 1] == ' ')
        out->s[--out->len] = '\0';
    rbe_str_putc(out, '\n');
}

void rbe_table_put(const struct rbe_table *t, struct rbe_str *out)
{
    size_t width[RBE_TABLE_COLUMNS] = {0};
    bool titles = t->columns[0].title != NULL;

    for (size_t c = 0; titles && c < t->n_columns; c++)
        width[c] = width_of(t->columns[c].title);
    for (size_t i = 0; i < t->n_cells; i++) {
        size_t w = width_of(t->cells[i]);

        if (w > width[i % t->n_columns])
            width[i % t->n_columns] = w;
    }
    for (size_t c = 0; titles && c < t->n_columns; c++)
        put_cell(t, out, c, t->columns[c].title, width[c]);
    if (titles)
        end_line(out);
    for (size_t i = 0; i < t->n_cells; i++) {
        put_cell(t, out, i % t->n_columns, t->cells[i], width[i % t->n_columns]);
        if ((i + 1) % t->n_columns == 0)
            end_line(out);
    }
}
