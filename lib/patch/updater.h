/* An updater at work on a directory: what is behind struct rbe_update of include/rbe_update.h. */
#ifndef RBE_PATCH_UPDATER_H
#define RBE_PATCH_UPDATER_H

#include <stdatomic.h>

#include "include/rbe_update.h"
#include "lib/patch/ask.h"
#include "lib/patch/journal.h"
#include "lib/patch/moves.h"

struct rbe_update {
    struct rbe_update_options o;         /* texts owned, but for keep */
    char *server, *resource, *dir, *channel, *system, *arch, *cdk;
    char **keep;
    size_t n_keep;
    struct rbe_net *net;
    struct rbe_home home;
    struct rbe_installed installed;
    struct rbe_stamps stamps;            /* of installed */
    struct rbe_offer offer;              /* of the last question */
    struct rbe_str deltas;               /* formats, comma separated */
    struct rbe_err e;
    atomic_bool cancelled;
    bool warned;
    /* What was made ready. */
    struct rbe_installed next;           /* owns the manifest that looks, needs and next_stamps are about */
    struct rbe_stamps next_stamps;
    struct rbe_journal journal;
    struct rbe_needs needs;
    bool ready;
};

void rbe_updater_tell(struct rbe_update *u, const struct rbe_update_event *event);
void rbe_updater_say(struct rbe_update *u, enum rbe_update_event_kind kind, const char *text);
void rbe_updater_count(struct rbe_update *u, enum rbe_update_event_kind kind, uint64_t done, uint64_t total);
/* Whether rbe_update_cancel was called; u is a struct rbe_update. */
bool rbe_updater_stops(void *u);
/* Counts; RBE_UNAVAILABLE once cancelled. */
enum rbe_code rbe_updater_tick(struct rbe_update *u, enum rbe_update_event_kind kind, uint64_t done, uint64_t total,
                               struct rbe_err *e) RBE_MUST_USE;

/* These fail with the reason in u->e. */

/* Reads the state anew. */
enum rbe_code rbe_updater_reload(struct rbe_update *u) RBE_MUST_USE;
/* Alone at work, on a tree that is whole. *ret_busy: another one is at work, and waiting was not asked for. */
enum rbe_code rbe_updater_enter(struct rbe_update *u, bool *ret_busy) RBE_MUST_USE;
struct rbe_keep rbe_updater_keep(const struct rbe_update *u);
/* What of a tree does not stand in the directory; thorough: whatever the stamps say. */
enum rbe_code rbe_updater_survey(struct rbe_update *u, const struct rbe_manifest *tree, bool thorough,
                                 enum rbe_look *ret_looks, struct rbe_stamps *ret_stamps) RBE_MUST_USE;
/* Tells each entry that is not as it should be; returns their number. */
size_t rbe_updater_damage(struct rbe_update *u, const struct rbe_manifest *tree, const enum rbe_look *looks);
/* Keeps what was learned of the files and takes it over; failing to costs time only. */
void rbe_updater_stamps(struct rbe_update *u, struct rbe_stamps *stamps);

#endif
