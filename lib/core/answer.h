/* Ready answers: what was decided before for the same question, in bounded tables. Each process that answers `latest` has one
 * of its own, and one together with the others that its parent has forked (lib/base/pool); below these there may be memcached
 * (lib/core/shelf). What is asked most lies ready in the own one, and a rendering with it.
 *
 * A kept answer is the record of lib/core/latest as one may see it who may know all, or that there is none. It rests on the
 * releases alone: who asks (a cdk, a region), when, and under which address is looked at after it was found, and no key or
 * URL is ever in it. It is trusted only while its resource is as it was (lib/base/fresh). A dialect may leave its rendering
 * with the record, cut where the download URL goes.
 */
#ifndef RBE_CORE_ANSWER_H
#define RBE_CORE_ANSWER_H

#include "lib/base/pool.h"
#include "lib/core/latest.h"

struct rbe_answers;
/* A quarter of the memory that the settings give a process is for a table of its own, the rest is what it brings to the shared
 * one; *ret stays NULL where they want no answers kept. */
enum rbe_code rbe_answers_new(struct rbe_app *app, struct rbe_answers **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_answers_free(struct rbe_answers *a);
/* The table that a parent makes for its workers before it forks them; each then takes part. It must outlive their apps. */
enum rbe_code rbe_answers_pool(const struct rbe_settings *settings, unsigned workers, struct rbe_pool **ret,
                               struct rbe_err *e) RBE_MUST_USE;
void rbe_answers_join(struct rbe_app *app, struct rbe_pool *pool);

enum rbe_answer_found { RBE_ANSWER_UNKNOWN, RBE_ANSWER_RECORD, RBE_ANSWER_ABSENT };
/* A record's texts live until the next find or keep. */
enum rbe_answer_found rbe_answer_find(struct rbe_app *app, const struct rbe_question *q, struct rbe_latest *ret);
/* Keeps what was read since the last find, which found nothing, for its question; NULL: there is no answer. Fills l->kept
 * when it found a place. */
void rbe_answer_keep(struct rbe_app *app, struct rbe_latest *l);

/* A rendering in two pieces, with the download URL between them. */
struct rbe_answer_text {
    const char *head, *tail;
    size_t head_len, tail_len;
    int status;
    bool url;                    /* a URL goes between */
};
struct rbe_answer_sent {
    int status;
    const char *body;            /* as it was sent, NUL-terminated */
    size_t len;
    const char *url;             /* what is to be cut out of it, NULL for nothing */
};
/* as: what tells renderings of one record apart, by its address. */
bool rbe_answer_text_find(const struct rbe_latest *l, const void *as, struct rbe_answer_text *ret);
/* Only of an answer to one who said no cdk, for what is said of a cdk is not the record's. */
void rbe_answer_text_keep(struct rbe_app *app, const struct rbe_latest *l, const void *as,
                          const struct rbe_answer_sent *sent);

#endif
