/* rbe-encode ENGINE EFFORT SOURCE TARGET PATCH WORK: makes the patch that turns SOURCE into TARGET.
 *
 * Run by rbe_encoder_run (lib/patch/encoder.h) under limits of CPU time and memory. WORK is a name for what comes between.
 * Exit status 0: PATCH is made. 1: failed, the reason on standard error. 2: wrong usage. 3: failed at a limit, as it would
 * every time.
 */
#include <stdio.h>

#include "lib/base/codec.h"
#include "lib/patch/encoder.h"

int main(int argc, char **argv)
{
    const struct rbe_engine *engine = argc == 7 ? rbe_engine_find(argv[1]) : NULL;
    struct rbe_err e = {0};
    int64_t effort;

    if (!engine || !rbe_int_parse(argv[2], 0, engine->efforts - 1, &effort)) {
        (void)fputs("usage: rbe-encode ENGINE EFFORT SOURCE TARGET PATCH WORK\n", stderr);
        return 2;
    }
    const struct rbe_engine_encode t = {
        .source = argv[3],
        .target = argv[4],
        .patch = argv[5],
        .work = argv[6],
        .effort = (int)effort,
    };

    enum rbe_code code = engine->encode(&t, &e);

    if (code == RBE_OK)
        return 0;
    (void)fprintf(stderr, "%s", e.text);
    return code == RBE_REFUSED ? RBE_ENCODER_MET : 1;
}
