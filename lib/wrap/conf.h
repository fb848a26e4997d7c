/* Configuration from YAML by libyaml, through one table of keys: what is not in the table, or breaks its row, fails
 * with file:line. No other file includes yaml.h.
 *
 * Three layers, the later one winning key by key: FILE.yaml, FILE.local.yaml beside it (may be missing), and the
 * environment variable RBE_SECTION_KEY, whose value is read as YAML (RBE_CONFIG is none, and RBE_ variables whose
 * section is not in the table are left alone). The file is two levels deep, "section:" and "key:"; a row's name is
 * "section.key". An empty or null value stands for the default. A key that stands twice, anchors, aliases, tags, a
 * second document and files over 1 MiB are refused.
 *
 * The value of a key may have structure: a record is a map whose keys are rows of a table of their own. A layer
 * replaces such a value as a whole.
 */
#ifndef RBE_WRAP_CONF_H
#define RBE_WRAP_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum rbe_conf_type {
    RBE_CONF_TEXT,       /* const char *; empty means unset */
    RBE_CONF_INT,        /* int64_t within [min,max] */
    RBE_CONF_BOOL,       /* bool: true, false */
    RBE_CONF_DURATION,   /* int64_t seconds, written as 10m, 2h, 90d or plain seconds, within [min,max] */
    RBE_CONF_SIZE,       /* int64_t bytes, written as 512, 64K, 10M, 4G, 1T (powers of 1024), within [min,max] */
    RBE_CONF_WORD,       /* int: index into words[] */
    RBE_CONF_LIST,       /* struct rbe_conf_list: a YAML list of scalars, or one scalar as a list of one */
    RBE_CONF_RECORD,     /* the record's struct itself: a YAML map */
    RBE_CONF_RECORDS,    /* struct rbe_conf_records: a YAML list of maps, or one map as a list of one */
    RBE_CONF_GROUPS,     /* struct rbe_conf_groups: a YAML map of names, each with such a list */
    RBE_CONF_TYPE_MAX
};

struct rbe_conf_list {
    const char **v;
    size_t n;
};

/* An array of records. */
struct rbe_conf_records {
    void *v;
    size_t n;
};

struct rbe_conf_group {
    const char *name;
    struct rbe_conf_records records;
};

struct rbe_conf_groups {
    struct rbe_conf_group *v;
    size_t n;
};

struct rbe_conf_record;

struct rbe_conf_key {
    const char *name;            /* "section.key"; of a record's field "key" */
    enum rbe_conf_type type;
    size_t offset;               /* of the field in the struct that is filled */
    const char *preset;          /* the default, as it would stand in the file; NULL for empty */
    int64_t min, max;            /* of INT, DURATION, SIZE; of the length of TEXT and of a LIST's items when max > 0 */
    const char *const *words;    /* of WORD, ended by NULL */
    bool reloadable;             /* takes effect on SIGHUP */
    bool secret;                 /* shown as "(set)" by config list */
    bool lines;                  /* TEXT may be of several lines */
    bool required;               /* of a record's field: a TEXT, WORD or LIST must be given */
    const char *help;            /* a sentence or two, plain text */
    /* Looks at the text of the value (each item of a LIST, each name of GROUPS); returns NULL, or the rule it breaks.
     * May be NULL. */
    const char *(*check)(const char *text);
    const struct rbe_conf_record *record;    /* of RECORD, RECORDS and GROUPS */
};

struct rbe_conf_record {
    const struct rbe_conf_key *fields;       /* offsets are in the record's struct */
    size_t n;
    size_t size;                 /* of the record's struct */
    /* Looks at a record whose fields are good; returns NULL, or the rule it breaks. May be NULL. */
    const char *(*check)(const void *record);
};

/* Fills `into` from defaults, file, local file and env (NULL-ended "K=V", may be NULL); strings live in the arena.
 * file of NULL: defaults and environment only. A missing file, unknown section or key, wrong type or broken rule:
 * RBE_REFUSED with "FILE:LINE: section.key: what is wrong" (the environment variable's name in place of FILE:LINE). */
enum rbe_code rbe_conf_load(const struct rbe_conf_key *table, size_t n, const char *file, char *const *env,
                            struct rbe_arena *arena, void *into, struct rbe_err *e) RBE_MUST_USE;

/* Where the value of a key that holds a list stands in the text of a file, for those who edit it and leave all else as it
 * is. Places are in bytes. */
enum rbe_conf_shape {
    RBE_CONF_NO_SECTION,         /* no such section; at: the end of the text */
    RBE_CONF_NO_KEY,             /* at: the section's first key, in that column; column 0: behind its colon, it is empty */
    RBE_CONF_EMPTY,              /* no value, or null; at, end: what stands for it */
    RBE_CONF_SCALAR,             /* one item without a list */
    RBE_CONF_FLOW,               /* [a, b]; at: behind the bracket */
    RBE_CONF_BLOCK,              /* at: the first dash, in that column */
};
enum { RBE_CONF_ITEMS_MAX = 256 };
struct rbe_conf_place {
    enum rbe_conf_shape shape;
    size_t at, end, column;
    struct {
        size_t at, end;          /* quotes and all */
    } item[RBE_CONF_ITEMS_MAX];
    size_t items;
};
/* text must be what rbe_conf_load takes. A section in flow style, which is no place to edit: RBE_REFUSED. */
enum rbe_code rbe_conf_locate(const char *text, size_t n, const char *section, const char *key,
                              struct rbe_conf_place *ret, struct rbe_err *e) RBE_MUST_USE;

/* The present value of a row as text that the file would take (lists and maps in flow style, of records only what is not
 * the default), for config list. A secret is shown as "(set)", or "" when it is empty. */
const char *rbe_conf_show(const struct rbe_conf_key *key, const void *from, struct rbe_arena *arena);

#endif
