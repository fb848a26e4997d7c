/* What a list verb prints: rows of one kind, as a JSON array with --json, else as a table.
 *
 * The handler writes each row into `json` or into `table`, as cli->json says. Nothing is printed before
 * rbe_listing_put(), so a list that fails half way prints no half of itself.
 */
#ifndef RBE_BIN_LISTING_H
#define RBE_BIN_LISTING_H

#include "bin/cli.h"
#include "bin/table.h"
#include "lib/base/jsonw.h"

struct rbe_listing {
    struct rbe_cli *cli;
    struct rbe_table table;
    struct rbe_jsonw json;
    struct rbe_str text;         /* what json writes into */
};

/* The listing must not move; the columns must outlive it. */
void rbe_listing_init(struct rbe_listing *l, struct rbe_cli *cli, const struct rbe_table_column *columns,
                      size_t n_columns);
/* To cli->out; nothing may be added after. */
void rbe_listing_put(struct rbe_listing *l);
void rbe_listing_release(struct rbe_listing *l);

#endif
