/* The configuration of an installation: one table (settings.c) from which the parser, its checks, the example file, the
 * manual page and `rbe-admin config` are made. Values are ready to use: paths absolute, sizes in bytes, times in
 * seconds.
 */
#ifndef RBE_CORE_SETTINGS_H
#define RBE_CORE_SETTINGS_H

#include "lib/base/str.h"
#include "lib/core/settings-places.h"
#include "lib/wrap/conf.h"

enum { RBE_SECRETS_MAX = 8, RBE_REGION_MAX = 24 };

enum rbe_sendfile { RBE_SENDFILE_NONE, RBE_SENDFILE_X_SENDFILE, RBE_SENDFILE_X_ACCEL, RBE_SENDFILE_MAX };

/* What holds while a validation service cannot be asked. */
enum rbe_unreachable { RBE_UNREACHABLE_DENY, RBE_UNREACHABLE_ALLOW, RBE_UNREACHABLE_MAX };

struct rbe_settings {
    const char *file;                        /* the configuration file, absolute */
    struct {
        const char *data_dir;                /* absolute; relative ones are taken from the file's directory */
        const char *public_url;              /* no trailing slash; empty: derived from the request */
        struct rbe_conf_list trusted_proxies;    /* addresses or CIDR blocks */
        int64_t workers;                     /* 0: one when spawned on descriptor 0, else one a CPU */
        int64_t max_requests;                /* a worker retires after so many; 0: never */
        const char *region_id;
    } instance;
    struct {
        bool public_url;                     /* the compatible dialect offers public resources without a cdk */
        int64_t max_age;                     /* seconds that answers without a key may be kept */
    } api;
    struct {
        struct rbe_conf_list allow_origins;  /* as browsers write them, or "*" */
        int64_t max_age;                     /* seconds that a browser may remember a preflight */
    } cors;
    struct {
        struct rbe_conf_list sign_secret;    /* the first signs, all verify; each at least 16 bytes */
        int64_t key_skew;                    /* seconds */
        const char *cdk_validation_url, *uploader_validation_url, *download_validation_url;  /* "" for none */
        int64_t validation_timeout_ms;
        int64_t validation_cache;            /* seconds that an answer is kept */
        int64_t validation_parallel;         /* processes that ask one of them at once */
        int on_unreachable;                  /* enum rbe_unreachable */
    } auth;
    struct {
        int journal;                         /* enum rbe_journal */
        bool auto_migrate;
    } database;
    struct {
        int64_t answers, bytes;              /* of the table of ready answers of one process; 0 answers: none */
    } cache;
    struct {
        struct rbe_conf_list servers;        /* empty: none is used */
        int64_t timeout_ms;
    } memcached;
    struct {
        int sendfile;                        /* enum rbe_sendfile */
        const char *accel_prefix;            /* of X-Accel-Redirect: "/rbe-packages/" */
    } storage;
    struct {
        int64_t upload_bytes, archive_entries, archive_bytes;
        int64_t download_rate, download_burst;   /* requests a second from one address, and at once; a rate of 0: no limit */
        int64_t admin_rate, admin_burst;
        int64_t auth_failures;               /* a minute from one address; 0: no limit */
    } limits;
    struct {
        int64_t max_patches;                 /* a package */
        int64_t purge_interval;              /* seconds between purges by rbe-batch; 0: none */
        struct rbe_conf_list delta_formats;  /* names */
        int64_t prebuild_depth;              /* versions */
        int64_t cpu_seconds;                 /* of making one delta */
        int64_t memory_bytes;                /* of building one package */
        int64_t workers;                     /* 0: by CPUs and memory */
    } batch;
    struct {
        int64_t download_effective_time;     /* seconds a download key lives */
        int64_t download_limit_count;        /* downloads a cdk a day; 0: no limit */
        const char *quota_time_zone;         /* a name of the time zone database, or "UTC" */
        const char *cdn_prefix;              /* no trailing slash; "" for no CDN */
        struct rbe_place_auth cdn_auth;
        int64_t distribute_cdn_ratio;        /* per cent of downloads that go to the CDN */
        struct rbe_conf_list distribute_cdn_region;  /* regions that may; empty: all */
        struct rbe_conf_groups download_prefix_info; /* of struct rbe_place, one group a region */
        const char *region_from;             /* a request header or a variable of the web server; "" for none */
        const char *origin_secret;           /* what a CDN proves itself by that fetches from here; "" for none */
        const char *create_new_version_webhook;      /* URL; "" for none */
        struct rbe_conf_list create_new_version_blacklist;   /* resources that do not notify */
        const char *purge_error_webhook;     /* URL; "" for none */
        const char *webhook_secret;          /* signs deliveries; "" leaves them unsigned */
        int64_t keep_versions;               /* a channel, system and arch */
    } extra;
    struct {
        struct rbe_conf_records targets;     /* of struct rbe_mirror_target */
        int64_t probe_interval;              /* seconds; 0: never */
        int64_t probe_failures;              /* in a row until a place is down */
        int64_t probe_timeout;               /* seconds */
    } mirror;
    struct {
        struct rbe_conf_list allow;          /* addresses or CIDR blocks that may read /metrics */
    } metrics;
    struct {
        int level;                           /* enum rbe_log_level */
        int64_t slow_ms, access_every;       /* 0: not logged */
    } log;
    struct {
        int64_t keep;                        /* seconds; 0: for ever */
    } audit;
    struct rbe_arena arena;                  /* owns the texts */
};

/* The table, for the documentation and `config list`. */
const struct rbe_conf_key *rbe_settings_table(size_t *ret_n);
/* file of NULL: $RBE_CONFIG, else SYSCONFDIR/rbe/rbe.yaml. Missing, unreadable or breaking the table: RBE_REFUSED,
 * saying where. ret may be released either way. An empty auth.sign_secret is no error here: rbe_app_open wants one. */
enum rbe_code rbe_settings_load(const char *file, struct rbe_settings *ret, struct rbe_err *e) RBE_MUST_USE;
/* For one who read the configuration again: what only a start may change gets its old value in s, and ret_names the keys that
 * differed, separated by ", ". */
void rbe_settings_keep(struct rbe_settings *s, const struct rbe_settings *old, struct rbe_str *ret_names);
void rbe_settings_release(struct rbe_settings *s);
/* [a-z0-9-]{1,24} */
bool rbe_region_valid(const char *region);
/* The text of etc/rbe.yaml.example: every key with its help, its form and its default, all commented out. */
void rbe_settings_example(struct rbe_str *out);

#endif
