/* The tar.gz half of rbe_build_files.
 *
 * The target is streamed once: changes.json, then the added directories (sorted), then wanted files and links in the
 * target's own order, which is as fixed as the target's bytes are. Only where the target says "hard link" for a wanted
 * file is it streamed a second time, for the files whose data those names share; they come last.
 */
#ifndef RBE_PATCH_BUILD_TAR_H
#define RBE_PATCH_BUILD_TAR_H

#include "lib/patch/build.h"
#include "lib/patch/wanted.h"

enum rbe_code rbe_build_tar(const struct rbe_build *b, const struct rbe_wanted *want, const struct rbe_str *changes,
                            struct rbe_arena *arena, struct rbe_err *e) RBE_MUST_USE;

#endif
