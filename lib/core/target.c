#include "lib/core/target.h"

#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"
#include "lib/base/utf8.h"

enum { RID_MIN = 3, RID_MAX = 64, VERSION_NAME_MAX = 128 };

struct alias {
    const char *text;
    int value;
};

static const char *const channels[RBE_CHANNEL_MAX] = {
    [RBE_CHANNEL_STABLE] = "stable",
    [RBE_CHANNEL_BETA] = "beta",
    [RBE_CHANNEL_ALPHA] = "alpha",
};

static const char *const systems[RBE_SYSTEM_MAX] = {
    [RBE_SYSTEM_ANY] = "any",       [RBE_SYSTEM_WINDOWS] = "windows", [RBE_SYSTEM_LINUX] = "linux",
    [RBE_SYSTEM_DARWIN] = "darwin", [RBE_SYSTEM_ANDROID] = "android",
};

static const char *const arches[RBE_ARCH_MAX] = {
    [RBE_ARCH_ANY] = "any", [RBE_ARCH_386] = "386",     [RBE_ARCH_AMD64] = "amd64",
    [RBE_ARCH_ARM] = "arm", [RBE_ARCH_ARM64] = "arm64",
};

/* Spellings beside the canonical ones. */
static const struct alias system_aliases[] = {
    {"win", RBE_SYSTEM_WINDOWS}, {"win32", RBE_SYSTEM_WINDOWS}, {"macos", RBE_SYSTEM_DARWIN},
    {"mac", RBE_SYSTEM_DARWIN},  {"osx", RBE_SYSTEM_DARWIN},
};

static const struct alias arch_aliases[] = {
    {"x86", RBE_ARCH_386},      {"x86_32", RBE_ARCH_386},     {"i386", RBE_ARCH_386},      {"x64", RBE_ARCH_AMD64},
    {"x86_64", RBE_ARCH_AMD64}, {"intel64", RBE_ARCH_AMD64}, {"aarch64", RBE_ARCH_ARM64},
};

/* The first characters differ in most. */
static bool same(const char *a, const char *b)
{
    return (*a | 0x20) == (*b | 0x20) && strcasecmp(a, b) == 0;
}

/* The number behind a spelling, 0 for none at all, -1 when it is unknown. */
static int lookup(const char *text, const char *const *names, size_t n_names, const struct alias *aliases,
                  size_t n_aliases)
{
    if (!text || !text[0])
        return 0;
    for (size_t i = 0; i < n_names; i++)
        if (same(text, names[i]))
            return (int)i;
    for (size_t i = 0; i < n_aliases; i++)
        if (same(text, aliases[i].text))
            return aliases[i].value;
    return -1;
}

enum rbe_code rbe_channel_parse(const char *text, enum rbe_channel *ret, struct rbe_err *e)
{
    int v = lookup(text, channels, RBE_COUNT(channels), NULL, 0);

    if (v < 0)
        return rbe_fail(e, RBE_BAD_CHANNEL, "channel is none of stable, beta, alpha");
    *ret = (enum rbe_channel)v;
    return RBE_OK;
}

enum rbe_code rbe_system_parse(const char *text, enum rbe_system *ret, struct rbe_err *e)
{
    int v = lookup(text, systems, RBE_COUNT(systems), system_aliases, RBE_COUNT(system_aliases));

    if (v < 0)
        return rbe_fail(e, RBE_BAD_SYSTEM, "system is none of any, windows, linux, darwin, android");
    *ret = (enum rbe_system)v;
    return RBE_OK;
}

enum rbe_code rbe_arch_parse(const char *text, enum rbe_arch *ret, struct rbe_err *e)
{
    int v = lookup(text, arches, RBE_COUNT(arches), arch_aliases, RBE_COUNT(arch_aliases));

    if (v < 0)
        return rbe_fail(e, RBE_BAD_ARCH, "arch is none of any, 386, amd64, arm, arm64");
    *ret = (enum rbe_arch)v;
    return RBE_OK;
}

/* The numbers come from database rows as well, so one out of range must not read outside the table. */
const char *rbe_channel_name(enum rbe_channel channel)
{
    return channel < RBE_CHANNEL_MAX ? channels[channel] : "?";
}

const char *rbe_system_name(enum rbe_system system)
{
    return system < RBE_SYSTEM_MAX ? systems[system] : "?";
}

const char *rbe_arch_name(enum rbe_arch arch)
{
    return arch < RBE_ARCH_MAX ? arches[arch] : "?";
}

bool rbe_rid_valid(const char *rid)
{
    size_t len = 0;

    while ((rid[len] >= 'a' && rid[len] <= 'z') || (rid[len] >= 'A' && rid[len] <= 'Z') ||
           (rid[len] >= '0' && rid[len] <= '9') || rid[len] == '_' || rid[len] == '-')
        len++;
    return rid[len] == '\0' && len >= RID_MIN && len <= RID_MAX && strcmp(rid, "download") != 0;
}

enum rbe_code rbe_rid_check(const char *field, const char *rid, struct rbe_err *e)
{
    if (!rid || !rid[0])
        return rbe_invalid(e, field, "required", "is required");
    if (!rbe_rid_valid(rid))
        return rbe_invalid(e, field, "format", "must be 3 to 64 of A-Z a-z 0-9 _ - and not the word download");
    return RBE_OK;
}

enum rbe_code rbe_version_name_check(const char *field, const char *name, struct rbe_err *e)
{
    size_t len = name ? strlen(name) : 0;

    if (len == 0)
        return rbe_invalid(e, field, "required", "is required");
    if (len > VERSION_NAME_MAX)
        return rbe_invalid(e, field, "max_length", "must be at most %d bytes", (int)VERSION_NAME_MAX);
    if (!rbe_utf8_valid(name, len))
        return rbe_invalid(e, field, "utf8", "must be UTF-8");
    if (rbe_utf8_has_control(name, len))
        return rbe_invalid(e, field, "format", "must hold no control character");
    if (strpbrk(name, "/\\"))
        return rbe_invalid(e, field, "format", "must hold no slash or backslash");
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return rbe_invalid(e, field, "format", "must not be . or ..");
    return RBE_OK;
}
