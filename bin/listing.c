#include "bin/listing.h"

void rbe_listing_init(struct rbe_listing *l, struct rbe_cli *cli, const struct rbe_table_column *columns,
                      size_t n_columns)
{
    *l = (struct rbe_listing){.cli = cli};
    l->json.out = &l->text;
    rbe_table_init(&l->table, &cli->arena, columns, n_columns);
    rbe_jsonw_arr(&l->json, NULL);
}

void rbe_listing_put(struct rbe_listing *l)
{
    struct rbe_str *out = &l->cli->out;

    if (!l->cli->json) {
        rbe_table_put(&l->table, out);
        return;
    }
    rbe_jsonw_arr_end(&l->json);
    rbe_str_put(out, l->text.s, l->text.len);
}

void rbe_listing_release(struct rbe_listing *l)
{
    rbe_str_release(&l->text);
}
