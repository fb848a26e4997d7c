/* A progress bar on standard error while it is a terminal; nothing at all otherwise. */
#ifndef RBE_BIN_PROGRESS_H
#define RBE_BIN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct rbe_progress {
    const char *label;
    uint64_t drawn_at;           /* rbe_clock_mono */
    bool shown;                  /* a bar stands on the line */
    bool tty;
};

void rbe_progress_init(struct rbe_progress *p, const char *label);
/* At most ten times a second something is drawn, whatever the number of calls. */
void rbe_progress_show(struct rbe_progress *p, uint64_t done, uint64_t total);
/* Clears the line. */
void rbe_progress_end(struct rbe_progress *p);

#endif
