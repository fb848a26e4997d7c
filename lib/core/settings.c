#include "lib/core/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/log.h"
#include "lib/base/share.h"
#include "lib/core/target.h"
#include "lib/core/format.h"
#include "lib/store/store.h"

enum { KIB = 1024, DAY = 86400, EXAMPLE_WIDTH = 100 };
#define SIZE_LARGEST (1LL << 50)
#define DEFAULT_FILE RBE_SYSCONFDIR "/rbe/rbe.yaml"

static const char *const journal_words[] = {
    [RBE_JOURNAL_WAL] = "wal",
    [RBE_JOURNAL_DELETE] = "delete",
    NULL,
};
static const char *const sendfile_words[] = {
    [RBE_SENDFILE_NONE] = "none",
    [RBE_SENDFILE_X_SENDFILE] = "x-sendfile",
    [RBE_SENDFILE_X_ACCEL] = "x-accel",
    [RBE_SENDFILE_MAX] = NULL,
};
static const char *const unreachable_words[] = {
    [RBE_UNREACHABLE_DENY] = "deny",
    [RBE_UNREACHABLE_ALLOW] = "allow",
    [RBE_UNREACHABLE_MAX] = NULL,
};
static const char *const level_words[] = {
    [RBE_LOG_DEBUG] = "debug", [RBE_LOG_INFO] = "info",       [RBE_LOG_WARN] = "warn",
    [RBE_LOG_ERROR] = "error", [RBE_LOG_LEVEL_MAX] = NULL,
};

/* ---- checks: NULL, or the rule that is broken ---- */

/* host, host:port or [address]:port, up to the path */
static bool authority_valid(const char *text, size_t len)
{
    static const char host_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
    size_t host = strspn(text, host_chars);
    char address[INET6_ADDRSTRLEN], port[6];
    struct in6_addr ignored;
    int64_t number;

    if (text[0] == '[') {
        const char *end = memchr(text, ']', len);
        size_t n = end ? (size_t)(end - text) - 1 : 0;

        if (n == 0 || n >= sizeof(address))
            return false;
        (void)snprintf(address, sizeof(address), "%.*s", (int)n, text + 1);
        if (inet_pton(AF_INET6, address, &ignored) != 1)
            return false;
        host = n + 2;
    }
    if (host == 0 || host > len || host == len)
        return host == len;
    size_t digits = len - host - 1;
    if (text[host] != ':' || digits == 0 || digits >= sizeof(port))
        return false;
    (void)snprintf(port, sizeof(port), "%.*s", (int)digits, text + host + 1);
    return rbe_int_parse(port, 1, 65535, &number);
}

/* `never` are characters that end the path; rule says so. */
static const char *check_address(const char *text, const char *never, const char *rule)
{
    size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
    const char *rest = text + scheme;
    size_t authority = strcspn(rest, "/?#");

    if (!scheme)
        return "must begin with http:// or https://";
    if (strpbrk(rest, never))
        return rule;
    if (!authority || !authority_valid(rest, authority))
        return "must name a host, with a port where it needs one";
    for (const char *c = rest + authority; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}", *c))
            return "must be ASCII without spaces, quotes and the like";
    return NULL;
}

const char *rbe_settings_check_url(const char *text)
{
    return check_address(text, "?#", "must have no query or fragment");
}

static const char *check_hook(const char *text)
{
    return check_address(text, "#", "must have no fragment");
}

static const char *check_rid(const char *text)
{
    return rbe_rid_check("", text, NULL) == RBE_OK ? NULL : "must be a resource id";
}

/* As browsers write it: nothing behind the host and port, letters in lower case. */
static const char *check_origin(const char *text)
{
    const char *rule = strcmp(text, "*") == 0 ? NULL : rbe_settings_check_url(text);
    const char *host = rule || text[0] == '*' ? NULL : strstr(text, "://") + 3;

    if (rule || !host)
        return rule;
    if (strchr(host, '/'))
        return "must end with the host or its port";
    for (const char *c = host; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            return "must be in lower case, as browsers write it";
    return NULL;
}

static const char *check_block(const char *text)
{
    static const char rule[] = "must be an address or a block such as 10.0.0.0/8 or fd00::/8";
    char address[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    bool six = memchr(text, ':', len);
    int64_t bits;

    if (len >= sizeof(address))
        return rule;
    (void)snprintf(address, sizeof(address), "%.*s", (int)len, text);
    if (inet_pton(six ? AF_INET6 : AF_INET, address, bytes) != 1)
        return rule;
    return !slash || rbe_int_parse(slash + 1, 0, six ? 128 : 32, &bits) ? NULL : rule;
}

bool rbe_region_valid(const char *region)
{
    size_t len = 0;

    while ((region[len] >= 'a' && region[len] <= 'z') || (region[len] >= '0' && region[len] <= '9') || region[len] == '-')
        len++;
    return len >= 1 && len <= RBE_REGION_MAX && region[len] == '\0';
}

static const char *check_region(const char *text)
{
    return rbe_region_valid(text) ? NULL : "must be 1 to 24 of a-z 0-9 -";
}

static const char *check_delta(const char *text)
{
    enum rbe_format ignored;

    return rbe_format_delta(text, strlen(text), &ignored) ? NULL : "must be vcdiff or zstd";
}

static const char *check_prefix(const char *text)
{
    size_t len = strlen(text);

    if (text[0] != '/' || text[len - 1] != '/' || strstr(text, "/../") || strpbrk(text, "?#% \\"))
        return "must be a plain URL path that begins and ends with a slash";
    return NULL;
}

static const char *check_zone(const char *text)
{
    static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";

    return text[strspn(text, chars)] || *text == '/' ? "must be a name such as UTC or Europe/Berlin" : NULL;
}

static const char *check_variable(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    return text[len] == '\0' ? NULL : "must be the name of a header or of a variable";
}

static const char *check_header_value(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return "must be ASCII without spaces";
    return NULL;
}

static const char *check_memcached(const char *text)
{
    if (text[0] == '/')
        return strpbrk(text, "\" \t") ? "must be a path without quotes and spaces" : NULL;
    return authority_valid(text, strlen(text)) ? NULL : "must be host:port or the path of a socket";
}

/* ---- the table ---- */

#define FIELD(section, key) .name = #section "." #key, .offset = offsetof(struct rbe_settings, section.key)

static const struct rbe_conf_key table[] = {
    {FIELD(instance, data_dir), .type = RBE_CONF_TEXT, .preset = RBE_LOCALSTATEDIR "/lib/rbe", .min = 1, .max = 4000,
     .help = "Where databases and packages are kept. A relative path is taken from the directory of this file."},
    {FIELD(instance, public_url), .type = RBE_CONF_TEXT, .max = 1000, .check = rbe_settings_check_url, .reloadable = true,
     .help = "What download URLs begin with, for example https://updates.example.com. When it is empty, the scheme and "
             "host of each request are used."},
    {FIELD(instance, trusted_proxies), .type = RBE_CONF_LIST, .check = check_block, .reloadable = true,
     .help = "Addresses or blocks of the proxies whose X-Forwarded-For, -Proto and -Host are believed."},
    {FIELD(instance, workers), .type = RBE_CONF_INT, .preset = "0", .max = 1024,
     .help = "Processes a program answers with. 0 is one when a web server spawned it, else one for each CPU."},
    {FIELD(instance, max_requests), .type = RBE_CONF_INT, .preset = "0", .max = 1000000000, .reloadable = true,
     .help = "After so many requests a worker makes way for a fresh one. 0 is never."},
    {FIELD(instance, region_id), .type = RBE_CONF_TEXT, .preset = "default", .check = check_region, .reloadable = true,
     .help = "The region of clients that do not say theirs."},
    {FIELD(api, public_url), .type = RBE_CONF_BOOL, .preset = "false", .reloadable = true,
     .help = "Whether /api/resources/{rid}/latest offers public resources without a cdk: true treats every asker of one "
             "as one with a good cdk that never expires. /resources/{rid}/latest always offers them."},
    {FIELD(api, max_age), .type = RBE_CONF_DURATION, .preset = "0", .max = DAY, .reloadable = true,
     .help = "How long clients and caches may keep an answer of latest that holds no download key. 0: they ask each time "
             "whether it is still the same."},
    {FIELD(cors, allow_origins), .type = RBE_CONF_LIST, .check = check_origin, .reloadable = true,
     .help = "Web pages that may speak to the programs from a browser, by origin, such as https://app.example.com; \"*\" "
             "is all. A CDN and mirrors need a setting of their own."},
    {FIELD(cors, max_age), .type = RBE_CONF_DURATION, .preset = "10m", .max = DAY, .reloadable = true,
     .help = "How long a browser may remember what it was told of a path."},
    {FIELD(auth, sign_secret), .type = RBE_CONF_LIST, .min = 16, .max = 1024, .secret = true, .reloadable = true,
     .help = "Secrets that download keys are signed with, at most 8: the first signs, all verify, so a new one is put "
             "in front and the old one taken out when its keys have expired. Required; there is no default."},
    {FIELD(auth, key_skew), .type = RBE_CONF_DURATION, .preset = "0", .max = 3600, .reloadable = true,
     .help = "How long after its expiry a download key is still taken, for servers whose clocks differ."},
    {FIELD(auth, cdk_validation_url), .type = RBE_CONF_TEXT, .max = 2000, .check = check_hook, .secret = true,
     .reloadable = true,
     .help = "Where cdks are asked for, by a POST of JSON, in place of this installation's own."},
    {FIELD(auth, uploader_validation_url), .type = RBE_CONF_TEXT, .max = 2000, .check = check_hook, .secret = true,
     .reloadable = true,
     .help = "Where bearer tokens are asked for that are none of this installation, for what a token of scope publish may "
             "do."},
    {FIELD(auth, download_validation_url), .type = RBE_CONF_TEXT, .max = 2000, .check = check_hook, .secret = true,
     .reloadable = true,
     .help = "Where it is asked whether a download may go on, whenever a download key is used."},
    {FIELD(auth, validation_timeout_ms), .type = RBE_CONF_INT, .preset = "500", .min = 10, .max = 10000,
     .reloadable = true, .help = "How many milliseconds these services may take to answer."},
    {FIELD(auth, validation_cache), .type = RBE_CONF_DURATION, .preset = "60s", .max = 3600, .reloadable = true,
     .help = "How long each process keeps what they answered, good or bad. 0 is not at all."},
    {FIELD(auth, validation_parallel), .type = RBE_CONF_INT, .preset = "4", .min = 1, .max = RBE_SHARE_SEATS,
     .reloadable = true,
     .help = "How many processes may ask one of them at the same time. For those beyond, it counts as unreachable."},
    {FIELD(auth, on_unreachable), .type = RBE_CONF_WORD, .preset = "deny", .words = unreachable_words,
     .reloadable = true,
     .help = "What holds while one cannot be asked: deny answers 503, allow takes every cdk and download for good. Uploads "
             "are denied in either case."},
    {FIELD(database, journal), .type = RBE_CONF_WORD, .preset = "wal", .words = journal_words,
     .help = "SQLite's journal. wal is faster and lets readers go on while one writes; delete is for network file "
             "systems."},
    {FIELD(database, auto_migrate), .type = RBE_CONF_BOOL, .preset = "true",
     .help = "Bring the databases up to date when a program starts. false: only rbe-admin migrate does."},
    {FIELD(cache, answers), .type = RBE_CONF_INT, .preset = "4096", .max = 1000000, .reloadable = true,
     .help = "The most answers that each process of latest.fcgi keeps ready by itself. 0 keeps none at all."},
    {FIELD(cache, bytes), .type = RBE_CONF_SIZE, .preset = "2M", .min = 64 * KIB, .max = 1LL << 34, .reloadable = true,
     .help = "The most memory for answers, a process: a quarter for its own, the rest it brings to those that all workers of one "
             "parent keep together."},
    {FIELD(memcached, servers), .type = RBE_CONF_LIST, .check = check_memcached, .reloadable = true,
     .help = "memcached servers through which all processes share their ready answers, and all machines with the same servers "
             "and sign_secret their rate limits: host:port or the path of a socket. One that is away makes answers "
             "slower, never wrong, and leaves each machine its limits alone."},
    {FIELD(memcached, timeout_ms), .type = RBE_CONF_INT, .preset = "50", .min = 1, .max = 10000, .reloadable = true,
     .help = "How many milliseconds one of them is waited for."},
    {FIELD(storage, sendfile), .type = RBE_CONF_WORD, .preset = "none", .words = sendfile_words, .reloadable = true,
     .help = "How files are sent: none (by the program itself), x-sendfile (lighttpd, Apache with mod_xsendfile) or "
             "x-accel (nginx)."},
    {FIELD(storage, accel_prefix), .type = RBE_CONF_TEXT, .preset = "/rbe-packages/", .check = check_prefix,
     .max = 1000, .min = 1, .reloadable = true,
     .help = "With x-accel: the internal location of nginx that stands for the directory packages/ below data_dir."},
    {FIELD(limits, upload_bytes), .type = RBE_CONF_SIZE, .preset = "4G", .min = KIB, .max = SIZE_LARGEST,
     .reloadable = true, .help = "The largest body of a request that is taken."},
    {FIELD(limits, archive_entries), .type = RBE_CONF_INT, .preset = "200000", .min = 1, .max = 10000000,
     .reloadable = true, .help = "The most entries a published archive may hold."},
    {FIELD(limits, archive_bytes), .type = RBE_CONF_SIZE, .preset = "16G", .min = KIB, .max = SIZE_LARGEST,
     .reloadable = true, .help = "The most bytes a published archive may expand to."},
    {FIELD(limits, download_rate), .type = RBE_CONF_INT, .preset = "0", .max = 1000000, .reloadable = true,
     .help = "Requests a second that download.fcgi takes from one address; an IPv6 client counts by its /64. 0 is no "
             "limit."},
    {FIELD(limits, download_burst), .type = RBE_CONF_INT, .preset = "20", .min = 1, .max = 10000, .reloadable = true,
     .help = "How many of them may come at once."},
    {FIELD(limits, admin_rate), .type = RBE_CONF_INT, .preset = "0", .max = 1000000, .reloadable = true,
     .help = "Requests a second that the calls of admin.fcgi that need a right take from one address. 0 is no limit."},
    {FIELD(limits, admin_burst), .type = RBE_CONF_INT, .preset = "20", .min = 1, .max = 10000, .reloadable = true,
     .help = "How many of them may come at once."},
    {FIELD(limits, auth_failures), .type = RBE_CONF_INT, .preset = "10", .max = 1000, .reloadable = true,
     .help = "How often a minute one address may fail to authenticate. Tokens that worked from there within the last "
             "hour go on to work. 0 is no limit."},
    {FIELD(batch, max_patches), .type = RBE_CONF_INT, .preset = "20", .max = 1000, .reloadable = true,
     .help = "The most incremental packages that are built to lead to one package. 0 builds none."},
    {FIELD(batch, purge_interval), .type = RBE_CONF_DURATION, .preset = "0", .max = 366 * DAY, .reloadable = true,
     .help = "How often rbe-batch purges by itself. 0 is never: only rbe-admin purge and POST /admin/purge do."},
    {FIELD(batch, delta_formats), .type = RBE_CONF_LIST, .preset = "[vcdiff, zstd]", .check = check_delta,
     .reloadable = true,
     .help = "The delta formats that are built beside packages of whole files: vcdiff, zstd. [] builds none."},
    {FIELD(batch, prebuild_depth), .type = RBE_CONF_INT, .preset = "3", .max = 1000, .reloadable = true,
     .help = "From how many versions before a new one incrementals are built although nobody asked yet. Versions that "
             "clients are known to be on come before them."},
    {FIELD(batch, cpu_seconds), .type = RBE_CONF_DURATION, .preset = "15m", .min = 1, .max = DAY, .reloadable = true,
     .help = "The most processor time that making one delta may take. Settings are chosen by the sizes so that they stay "
             "below it; what does not is stopped, and its job has failed."},
    {FIELD(batch, memory_bytes), .type = RBE_CONF_SIZE, .preset = "2G", .min = 128 * KIB * KIB, .max = SIZE_LARGEST,
     .reloadable = true,
     .help = "The most memory that building one package may take. It decides, with cpu_seconds, how hard is tried, so "
             "machines that shall make the same bytes need the same value."},
    {FIELD(batch, workers), .type = RBE_CONF_INT, .preset = "0", .max = 1024,
     .help = "Jobs that one rbe-batch works on at once. 0 is one for each CPU, as far as memory_bytes each fit in the "
             "machine's memory."},
    {FIELD(extra, download_effective_time), .type = RBE_CONF_DURATION, .preset = "10m", .min = 1, .max = 30 * DAY,
     .reloadable = true, .help = "How long a download key lives."},
    {FIELD(extra, download_limit_count), .type = RBE_CONF_INT, .preset = "0", .max = 1000000000, .reloadable = true,
     .help = "How many downloads a cdk has a day, unless it was made with a limit of its own. 0 is no limit."},
    {FIELD(extra, quota_time_zone), .type = RBE_CONF_TEXT, .preset = "UTC", .min = 1, .max = 64, .check = check_zone,
     .help = "Where the midnight is at which a cdk's day begins: a name of the time zone database, such as "
             "Europe/Berlin."},
    {FIELD(extra, cdn_prefix), .type = RBE_CONF_TEXT, .max = 1000, .min = 1, .check = rbe_settings_check_place,
     .reloadable = true,
     .help = "What URLs of the CDN begin with. When it is empty there is none."},
    {FIELD(extra, cdn_auth), .type = RBE_CONF_RECORD, .record = &rbe_settings_auth, .reloadable = true,
     .help = "How URLs of the CDN are signed."},
    {FIELD(extra, distribute_cdn_ratio), .type = RBE_CONF_INT, .preset = "100", .max = 100, .reloadable = true,
     .help = "How many of 100 downloads go to the CDN, the rest to the places of their region."},
    {FIELD(extra, distribute_cdn_region), .type = RBE_CONF_LIST, .check = check_region, .reloadable = true,
     .help = "The regions whose downloads may go to the CDN. When it is empty all may."},
    {FIELD(extra, download_prefix_info), .type = RBE_CONF_GROUPS, .record = &rbe_settings_place, .check = check_region,
     .reloadable = true,
     .help = "The places of each region that downloads are sent to, chosen by weight. Regions that do not stand here "
             "count as default. Where nothing stands, this server sends the files itself."},
    {FIELD(extra, region_from), .type = RBE_CONF_TEXT, .min = 1, .max = 64, .check = check_variable,
     .reloadable = true,
     .help = "A request header or a variable of the web server (GEOIP_COUNTRY_CODE) that names the region of clients "
             "that do not say theirs."},
    {FIELD(extra, origin_secret), .type = RBE_CONF_TEXT, .min = 16, .max = 256, .check = check_header_value,
     .secret = true, .reloadable = true,
     .help = "What a CDN that fetches from this server sends as X-Origin-Secret. When it is empty none may."},
    {FIELD(extra, keep_versions), .type = RBE_CONF_INT, .preset = "2", .min = 1, .max = 1000, .reloadable = true,
     .help = "How many versions a purge keeps on each channel, for each system and arch."},
    {FIELD(extra, create_new_version_webhook), .type = RBE_CONF_TEXT, .max = 2000, .check = check_hook, .secret = true,
     .reloadable = true,
     .help = "Where a new version is told, by a POST of JSON. When it is empty nobody is told."},
    {FIELD(extra, create_new_version_blacklist), .type = RBE_CONF_LIST, .check = check_rid, .reloadable = true,
     .help = "Resources whose new versions are not told."},
    {FIELD(extra, purge_error_webhook), .type = RBE_CONF_TEXT, .max = 2000, .check = check_hook, .secret = true,
     .reloadable = true,
     .help = "Where it is told, by a POST of JSON, that a purged package cannot be removed. When it is empty nobody is "
             "told."},
    {FIELD(extra, webhook_secret), .type = RBE_CONF_TEXT, .min = 16, .max = 256, .secret = true, .reloadable = true,
     .help = "What deliveries to webhooks are signed with. When it is empty they are not."},
    {FIELD(mirror, targets), .type = RBE_CONF_RECORDS, .record = &rbe_settings_target, .reloadable = true,
     .help = "Where packages are copied to. A place that is named here is used for a package once its copy is "
             "verified."},
    {FIELD(mirror, probe_interval), .type = RBE_CONF_DURATION, .preset = "1m", .max = DAY, .reloadable = true,
     .help = "How often rbe-batch looks whether the places answer. 0 is never."},
    {FIELD(mirror, probe_failures), .type = RBE_CONF_INT, .preset = "3", .min = 1, .max = 100, .reloadable = true,
     .help = "After so many failures in a row a place gets no downloads until it answers again."},
    {FIELD(mirror, probe_timeout), .type = RBE_CONF_DURATION, .preset = "5s", .min = 1, .max = 60, .reloadable = true,
     .help = "How long a place may take to answer."},
    {FIELD(metrics, allow), .type = RBE_CONF_LIST, .preset = "[127.0.0.0/8, \"::1\"]", .check = check_block,
     .reloadable = true, .help = "Addresses or blocks that may read /metrics."},
    {FIELD(log, level), .type = RBE_CONF_WORD, .preset = "info", .words = level_words, .reloadable = true,
     .help = "Lines below this level are not written."},
    {FIELD(log, slow_ms), .type = RBE_CONF_INT, .preset = "1000", .max = 86400000, .reloadable = true,
     .help = "A request that takes so many milliseconds is logged as a warning. 0 logs none."},
    {FIELD(log, access_every), .type = RBE_CONF_INT, .preset = "0", .max = 1000000000, .reloadable = true,
     .help = "One in so many requests of each process is logged, without its query: 1 logs all, 0 none."},
    {FIELD(audit, keep), .type = RBE_CONF_DURATION, .preset = "730d", .max = 100 * 366 * (int64_t)DAY, .reloadable = true,
     .help = "How long the record of who changed what is kept. 0 is for ever."},
};

const struct rbe_conf_key *rbe_settings_table(size_t *ret_n)
{
    *ret_n = RBE_COUNT(table);
    return table;
}

/* ---- loading ---- */

static enum rbe_code find_file(const char *file, struct rbe_arena *arena, const char **ret, struct rbe_err *e)
{
    rbe_autofree char *here = NULL;

    if (!file || !file[0])
        file = getenv("RBE_CONFIG");
    if (!file || !file[0]) {
        file = DEFAULT_FILE;
        if (access(file, F_OK) < 0 && errno == ENOENT)
            return rbe_fail(e, RBE_REFUSED, "%s: no such file; name another by --config or RBE_CONFIG", file);
    }
    if (file[0] == '/') {
        *ret = rbe_arena_strdup(arena, file);
        return RBE_OK;
    }
    here = getcwd(NULL, 0);
    if (!here)
        return rbe_fail_errno(e, "%s: the current directory cannot be found", file);
    *ret = rbe_arena_strfmt(arena, "%s/%s", strcmp(here, "/") == 0 ? "" : here, file);
    return RBE_OK;
}

/* A copy without slashes at its end, down to `least` characters. */
static const char *without_slashes(struct rbe_arena *arena, const char *text, size_t least)
{
    size_t len = strlen(text);

    while (len > least && text[len - 1] == '/')
        len--;
    return rbe_arena_strndup(arena, text, len);
}

/* An absolute path: a relative one is taken from the directory of the configuration file. "" stays. */
static const char *from_file_dir(struct rbe_settings *s, const char *path)
{
    size_t len = (size_t)(strrchr(s->file, '/') - s->file);

    if (path[0] == '/' || !path[0])
        return path;
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return rbe_arena_strfmt(&s->arena, "%.*s/%s", (int)len, s->file, strcmp(path, ".") == 0 ? "" : path);
}

/* Places and targets name each other by their URLs, so these are brought to one spelling. */
static void make_places_ready(struct rbe_settings *s)
{
    struct rbe_mirror_target *targets = s->mirror.targets.v;

    s->extra.cdn_prefix = without_slashes(&s->arena, s->extra.cdn_prefix, 0);
    s->extra.cdn_auth.key_file = from_file_dir(s, s->extra.cdn_auth.key_file);
    for (size_t i = 0; i < s->extra.download_prefix_info.n; i++) {
        const struct rbe_conf_records *places = &s->extra.download_prefix_info.v[i].records;

        for (size_t k = 0; k < places->n; k++) {
            struct rbe_place *place = (struct rbe_place *)places->v + k;

            place->url = without_slashes(&s->arena, place->url, 0);
            place->auth.key_file = from_file_dir(s, place->auth.key_file);
        }
    }
    for (size_t i = 0; i < s->mirror.targets.n; i++)
        for (size_t k = 0; k < targets[i].urls.n; k++)
            targets[i].urls.v[k] = without_slashes(&s->arena, targets[i].urls.v[k], 0);
}

static enum rbe_code check_target_names(const struct rbe_settings *s, struct rbe_err *e)
{
    const struct rbe_mirror_target *targets = s->mirror.targets.v;

    for (size_t i = 0; i < s->mirror.targets.n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(targets[i].name, targets[k].name) == 0)
                return rbe_fail(e, RBE_REFUSED, "%s: mirror.targets: %s stands twice", s->file, targets[i].name);
    return RBE_OK;
}

static void make_ready(struct rbe_settings *s)
{
    s->instance.data_dir = without_slashes(&s->arena, from_file_dir(s, s->instance.data_dir), 1);
    s->instance.public_url = without_slashes(&s->arena, s->instance.public_url, 0);
    make_places_ready(s);
}

enum rbe_code rbe_settings_load(const char *file, struct rbe_settings *ret, struct rbe_err *e)
{
    *ret = (struct rbe_settings){0};
    RBE_TRY(find_file(file, &ret->arena, &ret->file, e));
    RBE_TRY(rbe_conf_load(table, RBE_COUNT(table), ret->file, environ, &ret->arena, ret, e));
    if (ret->auth.sign_secret.n > RBE_SECRETS_MAX)
        return rbe_fail(e, RBE_REFUSED, "%s: auth.sign_secret: must be at most %d secrets", ret->file,
                        (int)RBE_SECRETS_MAX);
    RBE_TRY(check_target_names(ret, e));
    make_ready(ret);
    return RBE_OK;
}

static void keep_value(struct rbe_settings *s, const struct rbe_settings *old, const struct rbe_conf_key *key)
{
    char *to = (char *)s + key->offset;
    const char *from = (const char *)old + key->offset;

    static const size_t sizes[RBE_CONF_TYPE_MAX] = {
        [RBE_CONF_BOOL] = sizeof(bool),       [RBE_CONF_WORD] = sizeof(int),         [RBE_CONF_INT] = sizeof(int64_t),
        [RBE_CONF_SIZE] = sizeof(int64_t),    [RBE_CONF_DURATION] = sizeof(int64_t),
    };

    if (key->type == RBE_CONF_TEXT)
        *(const char **)(void *)to = rbe_arena_strdup(&s->arena, *(const char *const *)(const void *)from);
    else if (sizes[key->type])
        memcpy(to, from, sizes[key->type]);
    else
        abort();                 /* a test holds the table to this: what is made of parts is taken over at a reload */
}

void rbe_settings_keep(struct rbe_settings *s, const struct rbe_settings *old, struct rbe_str *ret_names)
{
    for (size_t i = 0; i < RBE_COUNT(table); i++) {
        const struct rbe_conf_key *key = &table[i];

        if (key->reloadable || strcmp(rbe_conf_show(key, s, &s->arena), rbe_conf_show(key, old, &s->arena)) == 0)
            continue;
        rbe_str_putf(ret_names, "%s%s", ret_names->len ? ", " : "", key->name);
        keep_value(s, old, key);
    }
}

void rbe_settings_release(struct rbe_settings *s)
{
    rbe_arena_release(&s->arena);
    *s = (struct rbe_settings){0};
}

/* ---- the example ---- */

/* Comment lines of at most EXAMPLE_WIDTH characters, broken at spaces. */
static void put_comment(struct rbe_str *out, const char *indent, const char *text)
{
    size_t room = EXAMPLE_WIDTH - strlen(indent) - 2;

    while (*text) {
        size_t len = strlen(text), n = len;

        if (len > room)
            for (n = room; n > 0 && text[n] != ' ';)
                n--;
        n = n ? n : len;
        rbe_str_putf(out, "%s# %.*s\n", indent, (int)n, text);
        text += n;
        text += *text == ' ';
    }
}

static void put_form(struct rbe_str *out, const struct rbe_conf_key *key)
{
    static const char *const forms[RBE_CONF_TYPE_MAX] = {
        [RBE_CONF_TEXT] = "text",     [RBE_CONF_INT] = "a whole number",
        [RBE_CONF_BOOL] = "true or false", [RBE_CONF_DURATION] = "a time, such as 45s, 10m, 2h or 90d",
        [RBE_CONF_WORD] = "one of",   [RBE_CONF_SIZE] = "a size, such as 512, 64K, 10M or 4G",
        [RBE_CONF_LIST] = "a list",   [RBE_CONF_RECORD] = "a map of the keys",
        [RBE_CONF_RECORDS] = "a list of maps of the keys",
        [RBE_CONF_GROUPS] = "a map of names, each with a list of maps of the keys",
    };

    rbe_str_puts(out, "Takes ");
    rbe_str_puts(out, forms[key->type]);
    for (size_t i = 0; key->words && key->words[i]; i++)
        rbe_str_putf(out, "%s%s", i ? ", " : " ", key->words[i]);
    if (key->type == RBE_CONF_INT)
        rbe_str_putf(out, " from %lld to %lld", (long long)key->min, (long long)key->max);
    if (key->type == RBE_CONF_LIST && key->min > 0)
        rbe_str_putf(out, " of items of at least %lld bytes", (long long)key->min);
    if (key->record) {
        for (size_t i = 0; i < key->record->n; i++)
            rbe_str_putf(out, "%s%s", i ? ", " : " ", key->record->fields[i].name);
        rbe_str_puts(out, "; rbe.yaml(5) explains them");
    }
    rbe_str_putc(out, '.');
}

/* The example is the same wherever it is made, so the place that ./configure chose is shown as its usual one. */
static void put_preset(struct rbe_str *out, const struct rbe_conf_key *key)
{
    static const char *const empty[RBE_CONF_TYPE_MAX] = {
        [RBE_CONF_TEXT] = "\"\"",    [RBE_CONF_LIST] = "[]",   [RBE_CONF_RECORD] = "{}",
        [RBE_CONF_RECORDS] = "[]", [RBE_CONF_GROUPS] = "{}",
    };
    const char *preset = key->preset ? key->preset : empty[key->type];
    size_t place = strlen(RBE_LOCALSTATEDIR);

    if (strcmp(key->name, "instance.data_dir") == 0 && strncmp(preset, RBE_LOCALSTATEDIR, place) == 0)
        rbe_str_putf(out, "/var%s", preset + place);
    else
        rbe_str_puts(out, preset);
}

void rbe_settings_example(struct rbe_str *out)
{
    const char *section = "";
    size_t section_len = 0;

    put_comment(out, "",
                "The configuration of rbe. Every key stands here with its default, commented out: take away the # of "
                "those to change. Only auth.sign_secret must be set.");
    put_comment(out, "",
                "Single keys are overridden by rbe.local.yaml beside this file, and both by the environment: "
                "RBE_INSTANCE_PUBLIC_URL is instance.public_url.");
    for (size_t i = 0; i < RBE_COUNT(table); i++) {
        const struct rbe_conf_key *key = &table[i];
        const char *dot = strchr(key->name, '.');
        rbe_auto(str) struct rbe_str form = {0};

        if (strncmp(key->name, section, section_len + 1) != 0 || !section_len) {
            section = key->name;
            section_len = (size_t)(dot - key->name);
            rbe_str_putf(out, "\n%.*s:\n", (int)section_len, section);
        } else
            rbe_str_putc(out, '\n');
        put_comment(out, "  ", key->help);
        put_form(&form, key);
        put_comment(out, "  ", rbe_str_text(&form));
        rbe_str_putf(out, "  #%s: ", dot + 1);
        put_preset(out, key);
        rbe_str_putc(out, '\n');
    }
}
