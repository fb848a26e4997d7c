#include "bin/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/base/clock.h"

enum { BAR = 40, NS_BETWEEN = 100000000 };

void rbe_progress_init(struct rbe_progress *p, const char *label)
{
    *p = (struct rbe_progress){.label = label, .tty = isatty(STDERR_FILENO) == 1};
}

void rbe_progress_show(struct rbe_progress *p, uint64_t done, uint64_t total)
{
    static const char full[] = "########################################";
    _Static_assert(sizeof(full) == BAR + 1, "the bar's width");
    uint64_t now;

    if (!p->tty || !total)
        return;
    now = rbe_clock_mono();
    if (p->shown && now - p->drawn_at < NS_BETWEEN)
        return;
    double part = done < total ? (double)done / (double)total : 1;
    int marks = (int)(part * BAR);
    (void)fprintf(stderr, "\r%s [%.*s%*s] %3d %%", p->label, marks, full, BAR - marks, "", (int)(part * 100));
    (void)fflush(stderr);
    p->drawn_at = now;
    p->shown = true;
}

void rbe_progress_end(struct rbe_progress *p)
{
    if (p->shown)
        (void)fputs("\r\033[K", stderr);
    p->shown = false;
}
