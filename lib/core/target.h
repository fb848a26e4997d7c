/* The names of the contract: resource ids, version names, and the canonical channels, systems and arches behind their
 * aliases. Numbers are kept in the database: never renumber; new ones go at the end.
 */
#ifndef RBE_CORE_TARGET_H
#define RBE_CORE_TARGET_H

#include <stdbool.h>

#include "lib/base/err.h"

/* Ordered from steady to daring: a client of a channel sees it and all before it. */
enum rbe_channel { RBE_CHANNEL_STABLE, RBE_CHANNEL_BETA, RBE_CHANNEL_ALPHA, RBE_CHANNEL_MAX };
enum rbe_system {
    RBE_SYSTEM_ANY,
    RBE_SYSTEM_WINDOWS,
    RBE_SYSTEM_LINUX,
    RBE_SYSTEM_DARWIN,
    RBE_SYSTEM_ANDROID,
    RBE_SYSTEM_MAX
};
enum rbe_arch { RBE_ARCH_ANY, RBE_ARCH_386, RBE_ARCH_AMD64, RBE_ARCH_ARM, RBE_ARCH_ARM64, RBE_ARCH_MAX };

/* text NULL or empty is stable, any, any. Letter case is ignored. Unknown: RBE_BAD_CHANNEL, RBE_BAD_SYSTEM,
 * RBE_BAD_ARCH. */
enum rbe_code rbe_channel_parse(const char *text, enum rbe_channel *ret, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_system_parse(const char *text, enum rbe_system *ret, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_arch_parse(const char *text, enum rbe_arch *ret, struct rbe_err *e) RBE_MUST_USE;
/* Canonical names: "stable", "windows", "amd64"; "any" for any. */
const char *rbe_channel_name(enum rbe_channel channel);
const char *rbe_system_name(enum rbe_system system);
const char *rbe_arch_name(enum rbe_arch arch);

/* [A-Za-z0-9_-]{3,64}, not "download". */
bool rbe_rid_valid(const char *rid);
/* 1-128 bytes of UTF-8, no control character, '/' or '\', not "." or "..". Adds a violation of `field` to e when it is
 * not. */
enum rbe_code rbe_version_name_check(const char *field, const char *name, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_rid_check(const char *field, const char *rid, struct rbe_err *e) RBE_MUST_USE;

#endif
