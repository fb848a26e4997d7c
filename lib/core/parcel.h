/* What is known of a question as bytes, for tables that processes share: the mark of freshness it was read at, then the record,
 * or that there is none. Only what a record of lib/core/latest has before anybody's rights are looked at; not its rid, which
 * the question has.
 */
#ifndef RBE_CORE_PARCEL_H
#define RBE_CORE_PARCEL_H

#include "lib/base/fresh.h"
#include "lib/base/str.h"
#include "lib/core/answer.h"

/* l: NULL where there is none. */
void rbe_parcel_pack(struct rbe_str *out, const struct rbe_fresh *mark, const struct rbe_latest *l);
/* RBE_ANSWER_UNKNOWN for what was read at another mark, or is no parcel. A record's texts live in the bytes and in rid. */
enum rbe_answer_found rbe_parcel_unpack(const void *p, size_t n, const struct rbe_fresh *mark, const char *rid,
                                        struct rbe_latest *ret);

#endif
