/* The settings that have structure: the places downloads are sent to, how their URLs are signed, and the mirrors that
 * packages are copied to. A part of lib/core/settings, whose table has rows of these records.
 */
#ifndef RBE_CORE_SETTINGS_PLACES_H
#define RBE_CORE_SETTINGS_PLACES_H

#include "lib/wrap/conf.h"

enum rbe_signature {
    RBE_SIGNATURE_NONE,
    RBE_SIGNATURE_MD5_A,
    RBE_SIGNATURE_SECURE_LINK,
    RBE_SIGNATURE_SECDOWNLOAD,
    RBE_SIGNATURE_S3_V4,
    RBE_SIGNATURE_CLOUDFRONT,
    RBE_SIGNATURE_MAX
};
/* How the URLs of a place are signed; texts that a type has no use for are "". */
struct rbe_place_auth {
    int type;                    /* enum rbe_signature */
    const char *secret;
    const char *key_id, *key_file;
    const char *region;          /* of s3-v4 */
    const char *form;            /* of secure-link: what is hashed, with {expires}, {path} and {secret} in it */
    const char *parameter;       /* of md5-a: its name in the query */
    int64_t lifetime;            /* seconds that a URL is good; 0: extra.download_effective_time */
};

/* A CDN or a mirror: what URLs there begin with. */
struct rbe_place {
    const char *url;             /* no trailing slash, plain path */
    int64_t weight;              /* 0: never chosen */
    struct rbe_place_auth auth;
};

/* Where packages are copied to. */
struct rbe_mirror_target {
    const char *name;
    const char *path;            /* a directory of this machine, or "" */
    const char *rsync;           /* a destination of rsync(1), or "" */
    const char *ssh;             /* the program rsync reaches it by, with arguments */
    struct rbe_conf_list urls;   /* the places that serve what lies there */
};

/* "none", "md5-a", … */
const char *rbe_signature_name(enum rbe_signature type);

extern const struct rbe_conf_record rbe_settings_auth, rbe_settings_place, rbe_settings_target;

/* http or https, host and port, a path; NULL, or the rule that is broken. */
const char *rbe_settings_check_url(const char *text);
/* Such a URL whose path is plain: every web server and CDN reads it the same, and nothing in it needs encoding. */
const char *rbe_settings_check_place(const char *text);

#endif
