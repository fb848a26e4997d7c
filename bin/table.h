/* Tables for people: columns aligned by the characters in them, the last one never padded.
 *
 * Control characters in cells become '?', so that nothing stored can drive the terminal it is shown on.
 */
#ifndef RBE_BIN_TABLE_H
#define RBE_BIN_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { RBE_TABLE_COLUMNS = 12 };

struct rbe_table_column {
    const char *title;           /* NULL in a table without a title row */
    bool right;                  /* flush right, for numbers */
};

struct rbe_table {
    struct rbe_arena *arena;     /* holds the cells */
    const struct rbe_table_column *columns;
    size_t n_columns;
    const char **cells;          /* row by row */
    size_t n_cells, cap;
};

void rbe_table_init(struct rbe_table *t, struct rbe_arena *arena, const struct rbe_table_column *columns,
                    size_t n_columns);
/* The next cell; a copy is kept. NULL is an empty one. */
void rbe_table_text(struct rbe_table *t, const char *text);
void rbe_table_int(struct rbe_table *t, int64_t n);
/* "1.5 MiB"; three digits. */
void rbe_table_size(struct rbe_table *t, int64_t bytes);
/* RFC 3339; `never` for 0. */
void rbe_table_time(struct rbe_table *t, int64_t seconds, const char *never);
void rbe_table_put(const struct rbe_table *t, struct rbe_str *out);

/* A size for people, in the arena. */
const char *rbe_table_size_text(struct rbe_arena *arena, int64_t bytes);

#endif
