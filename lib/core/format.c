#include "lib/core/format.h"

#include <string.h>

static const char *const names[RBE_FORMAT_MAX] = {
    [RBE_FORMAT_FULL] = NULL,
    [RBE_FORMAT_FILES] = "files",
    [RBE_FORMAT_VCDIFF] = "vcdiff",
    [RBE_FORMAT_ZSTD] = "zstd",
};

const char *rbe_format_name(enum rbe_format format)
{
    return (unsigned)format < RBE_FORMAT_MAX ? names[format] : NULL;
}

bool rbe_format_delta(const char *name, size_t len, enum rbe_format *ret)
{
    for (enum rbe_format format = RBE_FORMAT_FILES + 1; format < RBE_FORMAT_MAX; format++)
        if (strlen(names[format]) == len && memcmp(names[format], name, len) == 0) {
            *ret = format;
            return true;
        }
    return false;
}

unsigned rbe_format_set(const char *list)
{
    unsigned set = 0;

    while (*list) {
        size_t len = strcspn(list, ",");
        enum rbe_format format;

        if (rbe_format_delta(list, len, &format))
            set |= RBE_FORMAT_BIT(format);
        list += len + (list[len] == ',');
    }
    return set;
}
