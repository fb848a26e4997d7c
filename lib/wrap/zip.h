/* Zip archives (PKWARE APPNOTE 6.3.10): a strict reader.
 *
 * It accepts only archives that any two readers see alike: local and central headers agree, entries lie one behind
 * the other from byte 0 to the central directory without gap or overlap, nothing stands behind the end record but its
 * comment. Stored and deflated entries, zip64, data descriptors; no encryption, no splitting, no central directory
 * encryption, no strong encryption. Names are bytes here; patch/rules judges them.
 */
#ifndef RBE_WRAP_ZIP_H
#define RBE_WRAP_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/wrap/deflate.h"

enum rbe_zip_method { RBE_ZIP_STORED = 0, RBE_ZIP_DEFLATED = 8 };

struct rbe_zip_entry {
    const char *name;            /* as in the archive, NUL-terminated; a directory ends in '/' */
    uint64_t offset;             /* of the entry's data */
    uint64_t packed, size;       /* bytes in the archive, and unpacked */
    uint32_t crc32;
    uint32_t dos_time;           /* date in the high half, time in the low one */
    uint16_t method;             /* enum rbe_zip_method */
    uint16_t unix_mode;          /* st_mode; 0 when the maker had none */
    bool utf8;                   /* flag bit 11 */
};

struct rbe_zip {
    struct rbe_zip_entry *entries;
    size_t n;
};

/* Reads and checks the directory of the archive on fd (regular file, read with pread). Entries live in the arena, in the
 * order of their data. More than max_entries, or anything against the rules above: RBE_INVALID, field "file", message naming
 * entry and rule. */
enum rbe_code rbe_zip_open(int fd, size_t max_entries, struct rbe_arena *arena, struct rbe_zip *ret, struct rbe_err *e)
    RBE_MUST_USE;
/* Unpacks one entry piece by piece into sink; checks size and CRC-32 (RBE_INVALID when they differ). */
enum rbe_code rbe_zip_read(int fd, const struct rbe_zip_entry *entry, rbe_sink sink, void *arg, struct rbe_err *e)
    RBE_MUST_USE;

/* The same for an archive that was read strictly before: in one piece and much faster up to 64 MiB. */
enum rbe_code rbe_zip_read_whole(int fd, const struct rbe_zip_entry *entry, rbe_sink sink, void *arg, struct rbe_err *e)
    RBE_MUST_USE;

#endif
