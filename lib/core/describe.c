#include "lib/core/describe.h"

void rbe_describe_resource(struct rbe_jsonw *w, const struct rbe_resource *r)
{
    rbe_jsonw_str(w, "name", r->name);
    rbe_jsonw_str(w, "description", r->description);
    rbe_jsonw_str(w, "update_type", rbe_resource_update_name(r->update));
    rbe_jsonw_str(w, "access", rbe_resource_access_name(r->access));
    rbe_jsonw_str(w, "order", rbe_resource_order_name(r->order));
}

void rbe_describe_version(struct rbe_jsonw *w, const struct rbe_version *v)
{
    rbe_jsonw_int(w, "id", v->id);
    rbe_jsonw_str(w, "channel", rbe_channel_name((enum rbe_channel)v->channel));
    rbe_jsonw_str(w, "name", v->name);
    rbe_jsonw_int(w, "number", v->number);
    rbe_jsonw_time(w, "created_at", v->created_at);
    rbe_jsonw_bool(w, "withdrawn", v->withdrawn_at != 0);
}

void rbe_describe_published(struct rbe_jsonw *w, const struct rbe_published *p)
{
    const struct rbe_package *k = &p->package;

    rbe_jsonw_str(w, "resource_id", p->resource.rid);
    rbe_jsonw_str(w, "version_name", p->version.name);
    rbe_jsonw_int(w, "version_number", p->version.number);
    rbe_jsonw_str(w, "channel", rbe_channel_name((enum rbe_channel)p->version.channel));
    rbe_jsonw_str(w, "system", rbe_system_name((enum rbe_system)k->system));
    rbe_jsonw_str(w, "arch", rbe_arch_name((enum rbe_arch)k->arch));
    rbe_jsonw_str(w, "file_type", k->file_type);
    rbe_jsonw_int(w, "file_size", k->size);
    rbe_jsonw_sha256(w, "file_hash", k->sha256);
    rbe_jsonw_int(w, "files", k->files);
    rbe_jsonw_str(w, "status_key", p->status_key);
    rbe_jsonw_arr(w, "ignored_old_versions");
    for (size_t i = 0; i < p->ignored; i++)
        rbe_jsonw_str(w, NULL, p->ignored_olds[i]);
    rbe_jsonw_arr_end(w);
}
