/* What the administration API and the command line say alike of a row, as members of a JSON object that the caller began. */
#ifndef RBE_CORE_DESCRIBE_H
#define RBE_CORE_DESCRIBE_H

#include "lib/base/jsonw.h"
#include "lib/core/release.h"

/* name, description, update_type, access, order */
void rbe_describe_resource(struct rbe_jsonw *w, const struct rbe_resource *r);
/* id, channel, name, number, created_at, withdrawn */
void rbe_describe_version(struct rbe_jsonw *w, const struct rbe_version *v);
/* The answer to a publish: all of it but whether it was there before. */
void rbe_describe_published(struct rbe_jsonw *w, const struct rbe_published *p);

#endif
