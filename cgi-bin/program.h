/* What the three programs have in common: options, configuration, the check before the start, and serving.
 *
 * Handlers get the worker's struct rbe_app as ctx.
 */
#ifndef RBE_CGI_PROGRAM_H
#define RBE_CGI_PROGRAM_H

#include "lib/core/app.h"
#include "lib/web/serve.h"

struct rbe_program {
    const char *name;            /* "latest" */
    const char *what;            /* one line of --help */
    const struct rbe_route *routes;
    size_t n_routes;
    enum rbe_app_mode mode;
    /* What else is opened with the app, in each worker and once as a check. May be NULL. */
    enum rbe_code (*prepare)(struct rbe_app *app, struct rbe_err *e);
};

/* main() of a program; returns its exit status. */
int rbe_program_main(int argc, char **argv, const struct rbe_program *program);

#endif
