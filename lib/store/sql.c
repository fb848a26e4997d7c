#include "lib/store/sql.h"

#include <string.h>

#define RESOURCE "id, rid, name, description, update_type, access, ordering, always_include, last_number, created_at"
#define NUMBER_AS_IT_SHOULD_BE "coalesce((SELECT max(number) FROM version WHERE resource = ?1), 0)"
#define VERSION                                                                                                    \
    "v.id, v.resource, v.name, v.number, v.channel, v.order_by, v.order_key, v.release_note, v.custom_data, "      \
    "v.created_at, v.withdrawn_at"
#define PACKAGE                                                                                                    \
    "p.id, p.version, p.system, p.arch, p.format, p.target, p.source, p.file_type, p.path, p.size, p.sha256, "     \
    "p.tree, p.files, p.created_at, p.purged_at, p.removed_at"
#define PACKAGE_ORIGIN                                                                                             \
    "SELECT " PACKAGE ", r.rid, v.name, o.name, v.withdrawn_at FROM package p "                                     \
    "JOIN version v ON v.id = p.version JOIN resource r ON r.id = v.resource "                                     \
    "LEFT JOIN package s ON s.id = p.source LEFT JOIN version o ON o.id = s.version "
#define TOKEN "id, name, sha256, scope, rid, created_at, expires_at, revoked_at"
#define CDK                                                                                                        \
    "c.id, c.sha256, c.prefix, c.resource, c.daily_limit, c.created_at, c.expires_at, c.blocked_at, r.rid FROM cdk c " \
    "LEFT JOIN resource r ON r.id = c.resource"
#define AUDIT "id, at, actor, origin, action, rid, subject, detail"
#define JOB                                                                                                        \
    "id, kind, subject, target, source, format, weight, state, tries, created_at, run_at, leased_at, finished_at, " \
    "host, pid, start, note, payload, bytes, cpu_ms, rss_bytes"

/* The places that a client on system ?3 and arch ?4 is served from. */
#define CLIENT_OF(t)                                                                                               \
    "((+" t ".system = ?3 AND +" t ".arch IN (0, ?4)) OR (+" t ".system = 0 AND +" t ".arch = 0))"

/* An order key counts only under its own parser, and not at all where the resource is ordered as published. */
#define OFFER_BY "CASE r.ordering WHEN 0 THEN v.order_by ELSE 0 END"
#define OFFER_KEY "CASE WHEN r.ordering = 0 AND v.order_by > 0 THEN v.order_key ELSE x'' END"

#define OFFER_ALL "resource, system, arch, channel, order_by, order_key, number, version, package"
#define OFFERS_AS_THEY_SHOULD_BE                                                                                   \
    "SELECT " OFFER_ALL " FROM (SELECT r.id AS resource, p.system AS system, p.arch AS arch, v.channel AS channel, " \
    OFFER_BY " AS order_by, " OFFER_KEY " AS order_key, v.number AS number, v.id AS version, p.id AS package, "    \
    "row_number() OVER (PARTITION BY p.system, p.arch, v.channel, " OFFER_BY " "                                   \
    "ORDER BY " OFFER_KEY " DESC, v.number DESC) AS place "                                                        \
    "FROM resource r JOIN version v ON v.resource = r.id JOIN package p ON p.version = v.id "                      \
    "WHERE r.id = ?1 AND v.withdrawn_at = 0 AND p.format = 0 AND p.purged_at = 0) WHERE place = 1"

#define RELEASES(word, sql) {.base = RBE_BASE_RELEASES, .name = word, .text = sql}
#define USAGE(word, sql) {.base = RBE_BASE_USAGE, .name = word, .text = sql}

static const struct rbe_sql_text texts[RBE_SQL_MAX] = {
    [RBE_SQL_META_FIND] = RELEASES("meta find", "SELECT value FROM meta WHERE key = ?1"),
    [RBE_SQL_META_PUT] = RELEASES("meta put", "INSERT INTO meta (key, value) VALUES (?1, ?2) "
                                              "ON CONFLICT (key) DO UPDATE SET value = excluded.value"),
    [RBE_SQL_CHANGE_NUMBER] = RELEASES("change number", "SELECT number FROM change WHERE id = 0"),
    [RBE_SQL_CHANGE_COUNT] = RELEASES("change count", "UPDATE change SET number = number + 1 WHERE id = 0"),
    /* Deferred: the first statement after it takes the snapshot, and no lock is held that a writer would wait for. */
    [RBE_SQL_SNAPSHOT_BEGIN] = RELEASES("snapshot begin", "BEGIN"),
    [RBE_SQL_SNAPSHOT_END] = RELEASES("snapshot end", "COMMIT"),

    [RBE_SQL_STORE_ROWS] =
        RELEASES("store rows", "SELECT EXISTS (SELECT 1 FROM /*scan*/ resource) + EXISTS (SELECT 1 FROM token) "
                               "+ EXISTS (SELECT 1 FROM cdk)"),
    [RBE_SQL_STORE_SKIP_IDS] = RELEASES("store skip ids", "UPDATE /*scan*/ sqlite_sequence SET seq = seq + ?1"),

    [RBE_SQL_RESOURCE_PUT] =
        RELEASES("resource put", "INSERT INTO resource (rid, name, description, update_type, access, ordering, "
                                 "always_include, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
                                 "ON CONFLICT (rid) DO NOTHING"),
    [RBE_SQL_RESOURCE_GET] = RELEASES("resource get", "SELECT " RESOURCE " FROM resource WHERE rid = ?1"),
    [RBE_SQL_RESOURCE_LIST] =
        RELEASES("resource list", "SELECT /*scan*/ " RESOURCE " FROM resource "
                                  "WHERE (?1 = '' OR instr(lower(rid), lower(?1)) > 0) "
                                  "AND (?2 = '' OR instr(lower(name), lower(?2)) > 0) ORDER BY rid LIMIT ?4 OFFSET ?3"),
    [RBE_SQL_RESOURCE_COUNT] =
        RELEASES("resource count", "SELECT /*scan*/ count(*) FROM resource "
                                   "WHERE (?1 = '' OR instr(lower(rid), lower(?1)) > 0) "
                                   "AND (?2 = '' OR instr(lower(name), lower(?2)) > 0)"),
    [RBE_SQL_RESOURCE_GUARDED] =
        RELEASES("resource guarded", "SELECT /*scan*/ " RESOURCE " FROM resource WHERE access = ?1 ORDER BY rid LIMIT 1"),
    [RBE_SQL_RESOURCE_NUMBER] =
        RELEASES("resource number", "SELECT last_number FROM resource WHERE id = ?1"),
    [RBE_SQL_RESOURCE_SET_NUMBER] =
        RELEASES("resource set number", "UPDATE resource SET last_number = ?2 WHERE id = ?1"),
    [RBE_SQL_RESOURCE_NUMBER_RIGHT] =
        RELEASES("resource number right", "SELECT last_number = " NUMBER_AS_IT_SHOULD_BE " FROM resource WHERE id = ?1"),
    [RBE_SQL_RESOURCE_RENUMBER] =
        RELEASES("resource renumber", "UPDATE resource SET last_number = " NUMBER_AS_IT_SHOULD_BE " WHERE id = ?1"),

    [RBE_SQL_VERSION_PUT] =
        RELEASES("version put", "INSERT INTO version (resource, name, number, channel, order_by, order_key, "
                                "release_note, custom_data, created_at, withdrawn_at) "
                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
                                "ON CONFLICT (resource, name) DO NOTHING"),
    [RBE_SQL_VERSION_FIND] =
        RELEASES("version find", "SELECT " VERSION ", 0 FROM version v WHERE v.resource = ?1 AND v.name = ?2"),
    [RBE_SQL_VERSION_GET] = RELEASES("version get", "SELECT " VERSION ", 0 FROM version v WHERE v.id = ?1"),
    [RBE_SQL_VERSION_SET_DATA] =
        RELEASES("version set data", "UPDATE version SET release_note = coalesce(?2, release_note), "
                                     "custom_data = coalesce(?3, custom_data) WHERE id = ?1"),
    [RBE_SQL_VERSION_SET_ORDER] =
        RELEASES("version set order", "UPDATE version SET order_by = ?2, order_key = ?3 WHERE id = ?1"),
    [RBE_SQL_VERSION_SET_CHANNEL] =
        RELEASES("version set channel", "UPDATE version SET channel = ?2 WHERE id = ?1"),
    [RBE_SQL_VERSION_WITHDRAW] =
        RELEASES("version withdraw", "UPDATE version SET withdrawn_at = ?2 WHERE id = ?1 AND withdrawn_at = 0"),
    [RBE_SQL_VERSION_WITHDRAW_ALL] =
        RELEASES("version withdraw all", "UPDATE version SET withdrawn_at = ?2 "
                                         "WHERE resource = ?1 AND withdrawn_at = 0"),
    [RBE_SQL_VERSION_LIST] =
        RELEASES("version list", "SELECT " VERSION ", (SELECT count(*) FROM package p WHERE p.version = v.id "
                                 "AND p.format = 0 AND p.purged_at = 0) FROM version v WHERE v.resource = ?1 "
                                 "AND (?2 < 0 OR v.channel = ?2) ORDER BY v.number DESC LIMIT ?4 OFFSET ?3"),
    [RBE_SQL_VERSION_COUNT] = RELEASES("version count", "SELECT count(*) FROM version WHERE resource = ?1 "
                                                        "AND (?2 < 0 OR channel = ?2)"),

    [RBE_SQL_OFFER_CLEAR] = RELEASES("offer clear", "DELETE FROM offer WHERE resource = ?1"),
    [RBE_SQL_OFFER_FILL] = RELEASES("offer fill", "INSERT INTO offer (" OFFER_ALL ") " OFFERS_AS_THEY_SHOULD_BE),
    [RBE_SQL_OFFER_WRONG] =
        RELEASES("offer wrong", "SELECT count(*) FROM (SELECT * FROM (SELECT " OFFER_ALL " FROM offer WHERE resource = ?1 "
                                "EXCEPT " OFFERS_AS_THEY_SHOULD_BE ") UNION ALL SELECT * FROM ("
                                OFFERS_AS_THEY_SHOULD_BE " EXCEPT SELECT " OFFER_ALL " FROM offer WHERE resource = ?1))"),
    /* All that a client at any platform is offered lies side by side, so it is walked; the plus keeps the planner from looking
     * up places one by one, which builds a table at every run. */
    [RBE_SQL_LOOKUP_OFFERS] =
        RELEASES("lookup offers", "SELECT o.version, o.package, o.number, o.channel, o.system, o.arch, o.order_by, "
                                  "o.order_key, r.id, r.update_type, r.access, r.ordering FROM resource r "
                                  "JOIN offer o ON o.resource = r.id AND +o.channel <= ?2 AND " CLIENT_OF("o") " "
                                  "WHERE r.rid = ?1"),
    [RBE_SQL_LOOKUP_OFFERED] =
        RELEASES("lookup offered", "SELECT v.name, v.release_note, v.custom_data, v.created_at, p.size, p.sha256, p.tree "
                                   "FROM version v JOIN package p ON p.id = ?2 WHERE v.id = ?1"),
    [RBE_SQL_LOOKUP_STANDING] =
        RELEASES("lookup standing", "SELECT v.id, v.number, v.withdrawn_at, v.order_by, v.order_key, "
                                    "p.id, p.system, p.arch, p.purged_at, p.tree FROM version v "
                                    "LEFT JOIN package p ON p.version = v.id AND p.format = 0 AND " CLIENT_OF("p") " "
                                    "WHERE v.resource = ?1 AND v.name = ?2 ORDER BY p.system DESC, p.arch DESC LIMIT 1"),

    [RBE_SQL_PACKAGE_PUT] =
        RELEASES("package put", "INSERT INTO package (version, system, arch, format, target, source, file_type, path, "
                                "size, sha256, tree, files, created_at, purged_at) "
                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) "
                                "ON CONFLICT (version, system, arch) WHERE format = 0 DO NOTHING "
                                "ON CONFLICT (target, source, format) WHERE target IS NOT NULL DO NOTHING"),
    [RBE_SQL_PACKAGE_GET] = RELEASES("package get", "SELECT " PACKAGE " FROM package p WHERE p.id = ?1"),
    [RBE_SQL_PACKAGE_FIND] =
        RELEASES("package find", "SELECT " PACKAGE " FROM package p "
                                 "WHERE p.version = ?1 AND p.system = ?2 AND p.arch = ?3 AND p.format = 0"),
    [RBE_SQL_PACKAGE_FIND_PATCH] =
        RELEASES("patch find", "SELECT " PACKAGE " FROM package p "
                               "WHERE p.target = ?1 AND p.source = ?2 AND p.format = ?3"),
    [RBE_SQL_PACKAGE_LIST] =
        RELEASES("package list", "SELECT " PACKAGE " FROM package p WHERE p.version = ?1 AND p.id > ?2 "
                                 "ORDER BY p.format <> 0, p.id LIMIT ?3"),
    [RBE_SQL_PACKAGE_LIST_ALL] =
        RELEASES("package list all", "SELECT " PACKAGE " FROM package p WHERE p.id > ?1 ORDER BY p.id LIMIT ?2"),
    [RBE_SQL_PACKAGE_ORIGIN] = RELEASES("package origin", PACKAGE_ORIGIN "WHERE p.id = ?1"),
    [RBE_SQL_PACKAGE_ORIGIN_PATH] = RELEASES("package origin path", PACKAGE_ORIGIN "WHERE p.path = ?1"),

    [RBE_SQL_PACKAGE_UNCOPIED] =
        RELEASES("package uncopied", "SELECT " PACKAGE " FROM package p WHERE p.id > ?2 AND p.purged_at = 0 AND NOT EXISTS "
                                     "(SELECT 1 FROM mirror_copy m WHERE m.package = p.id AND m.mirror = ?1) "
                                     "ORDER BY p.id LIMIT ?3"),
    [RBE_SQL_PACKAGE_STALE_COPY] =
        RELEASES("package stale copy", "SELECT " PACKAGE " FROM mirror_copy m JOIN package p ON p.id = m.package "
                                       "WHERE m.mirror = ?1 AND m.package > ?2 AND p.removed_at > 0 "
                                       "ORDER BY m.package LIMIT ?3"),
    [RBE_SQL_PACKAGE_NEWEST] = RELEASES("package newest", "SELECT " PACKAGE " FROM package p "
                                                          "WHERE p.id > 0 AND p.purged_at = 0 ORDER BY p.id DESC LIMIT 1"),
    [RBE_SQL_PACKAGE_NEWEST_COPY] =
        RELEASES("package newest copy", "SELECT " PACKAGE " FROM mirror_copy m JOIN package p ON p.id = m.package "
                                        "WHERE m.mirror = ?1 AND p.purged_at = 0 ORDER BY m.package DESC LIMIT 1"),

    [RBE_SQL_MIRROR_COPIES] =
        RELEASES("mirror copies", "SELECT mirror FROM mirror_copy WHERE package = ?1 ORDER BY mirror"),
    [RBE_SQL_MIRROR_COPY_PUT] =
        RELEASES("mirror copy put", "INSERT INTO mirror_copy (package, mirror, verified_at) VALUES (?1, ?2, ?3) "
                                    "ON CONFLICT (package, mirror) DO UPDATE SET verified_at = excluded.verified_at"),
    [RBE_SQL_MIRROR_COPY_DEL] =
        RELEASES("mirror copy del", "DELETE FROM mirror_copy WHERE package = ?1 AND mirror = ?2"),
    [RBE_SQL_MIRROR_COPY_CLEAR] = RELEASES("mirror copy clear", "DELETE /*scan*/ FROM mirror_copy"),
    [RBE_SQL_MIRROR_COPY_COUNT] =
        RELEASES("mirror copy count", "SELECT count(*) FROM mirror_copy m JOIN package p ON p.id = m.package "
                                      "WHERE m.mirror = ?1 AND p.purged_at = 0"),
    [RBE_SQL_MIRROR_LIST] = USAGE("mirror list", "SELECT /*scan*/ url, up, failures, checked_at, changed_at, reason "
                                                 "FROM mirror ORDER BY url"),
    [RBE_SQL_MIRROR_FIND] = USAGE("mirror find", "SELECT url, up, failures, checked_at, changed_at, reason FROM mirror "
                                                 "WHERE url = ?1"),
    [RBE_SQL_MIRROR_CLAIM] =
        USAGE("mirror claim", "INSERT INTO mirror (url, up, failures, checked_at, changed_at, reason) "
                              "VALUES (?1, 1, 0, ?2, 0, '') ON CONFLICT (url) DO UPDATE "
                              "SET checked_at = excluded.checked_at WHERE checked_at <= ?3 OR checked_at > ?2"),
    [RBE_SQL_MIRROR_PUT] =
        USAGE("mirror put", "INSERT INTO mirror (url, up, failures, checked_at, changed_at, reason) "
                            "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (url) DO UPDATE SET up = excluded.up, "
                            "failures = excluded.failures, checked_at = excluded.checked_at, "
                            "changed_at = excluded.changed_at, reason = excluded.reason"),
    [RBE_SQL_PACKAGE_PATCHES] =
        RELEASES("patch list", "SELECT " PACKAGE " FROM package p WHERE p.target = ?1 AND p.source = ?2 "
                               "AND p.purged_at = 0 ORDER BY p.size, p.id"),
    [RBE_SQL_PACKAGE_SOURCES] =
        RELEASES("package sources", "SELECT " PACKAGE " FROM version v JOIN package p ON p.version = v.id "
                                    "AND p.system = ?2 AND p.arch = ?3 AND p.format = 0 "
                                    "WHERE v.resource = ?1 AND p.purged_at = 0 ORDER BY v.number DESC LIMIT ?4"),
    [RBE_SQL_PACKAGE_OFFERED] =
        RELEASES("package offered", "SELECT count(*) FROM offer WHERE resource = ?1 AND package = ?2"),
    [RBE_SQL_PACKAGE_PURGE_PAIR] =
        RELEASES("patch purge", "UPDATE package SET purged_at = ?3 WHERE target = ?1 AND source = ?2 AND purged_at = 0"),

    [RBE_SQL_PACKAGE_PURGED] =
        RELEASES("package purged", "SELECT " PACKAGE " FROM package p WHERE p.purged_at > 0 AND p.removed_at = 0 "
                                   "AND p.purged_at <= ?1 AND p.id > ?2 ORDER BY p.id LIMIT ?3"),

    [RBE_SQL_PACKAGE_FORGET_COPIES] = RELEASES("copies forget", "DELETE FROM mirror_copy WHERE package = ?1"),
    /* SQLite looks through all offers for one that names it. */
    [RBE_SQL_PACKAGE_FORGET] = RELEASES("patch forget", "DELETE /*scan*/ FROM package WHERE id = ?1 AND format <> 0"),

    [RBE_SQL_STOCK_LIST] =
        RELEASES("stock list", "SELECT p.id, p.system, p.arch, v.channel, v.order_by, v.order_key, v.number, "
                               "v.withdrawn_at, EXISTS (SELECT 1 FROM offer o WHERE o.resource = v.resource "
                               "AND o.system = p.system AND o.arch = p.arch AND o.channel = v.channel "
                               "AND o.package = p.id) FROM version v JOIN package p ON p.version = v.id "
                               "WHERE v.resource = ?1 AND p.format = 0 AND p.purged_at = 0 "
                               "ORDER BY p.system, p.arch, v.channel, v.number"),
    [RBE_SQL_STOCK_SIZE] =
        RELEASES("stock size", "SELECT coalesce(sum(size), 0) FROM (SELECT size FROM package "
                               "WHERE id = ?1 AND purged_at = 0 UNION ALL SELECT size FROM package "
                               "WHERE target = ?1 AND purged_at = 0)"),
    [RBE_SQL_STOCK_PURGE] =
        RELEASES("stock purge", "UPDATE package SET purged_at = ?2 WHERE id = ?1 AND purged_at = 0"),
    [RBE_SQL_STOCK_PURGE_PATCHES] =
        RELEASES("stock purge patches", "UPDATE package SET purged_at = ?2 WHERE target = ?1 AND purged_at = 0"),
    [RBE_SQL_STOCK_WAITING] = RELEASES("stock waiting", "SELECT count(*) FROM package "
                                                        "WHERE purged_at > 0 AND removed_at = 0"),
    [RBE_SQL_STOCK_REMOVED] =
        RELEASES("stock removed", "UPDATE package SET removed_at = ?2 WHERE id = ?1 AND removed_at = 0"),
    [RBE_SQL_STOCK_AHEAD] = RELEASES("stock ahead", "SELECT count(*) FROM package WHERE purged_at > 0 AND removed_at = 0 "
                                                    "AND purged_at > ?1"),
    [RBE_SQL_STOCK_PUT_BACK] =
        RELEASES("stock put back", "UPDATE package SET purged_at = ?1 WHERE purged_at > 0 AND removed_at = 0 AND purged_at > ?2"),

    [RBE_SQL_TOKEN_PUT] =
        RELEASES("token put", "INSERT INTO token (name, sha256, scope, rid, created_at, expires_at, revoked_at) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
                              "ON CONFLICT (name) WHERE revoked_at = 0 DO NOTHING"),
    [RBE_SQL_TOKEN_FIND] = RELEASES("token find", "SELECT " TOKEN " FROM token WHERE sha256 = ?1"),
    [RBE_SQL_TOKEN_LIST] = RELEASES("token list", "SELECT /*scan*/ " TOKEN " FROM token ORDER BY name, id"),
    [RBE_SQL_TOKEN_REVOKE] =
        RELEASES("token revoke", "UPDATE token SET revoked_at = ?2 WHERE name = ?1 AND revoked_at = 0"),

    [RBE_SQL_CDK_PUT] =
        RELEASES("cdk put", "INSERT INTO cdk (sha256, prefix, resource, daily_limit, created_at, expires_at, "
                            "blocked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
                            "ON CONFLICT (sha256) DO NOTHING"),
    [RBE_SQL_CDK_FIND] = RELEASES("cdk find", "SELECT " CDK " WHERE c.sha256 = ?1"),
    [RBE_SQL_CDK_GET] = RELEASES("cdk get", "SELECT " CDK " WHERE c.id = ?1"),
    [RBE_SQL_CDK_LIST] = RELEASES("cdk list", "SELECT " CDK " WHERE c.id > ?1 ORDER BY c.id LIMIT ?2"),
    [RBE_SQL_CDK_BLOCK] = RELEASES("cdk block", "UPDATE cdk SET blocked_at = ?2 WHERE id = ?1"),

    [RBE_SQL_CDK_USE_PUT] = USAGE("cdk use put", "INSERT INTO cdk_use (cdk, key, day, used_at) VALUES (?1, ?2, ?3, ?4)"),
    [RBE_SQL_CDK_USE_FIND] = USAGE("cdk use find", "SELECT 1 FROM cdk_use WHERE cdk = ?1 AND key = ?2"),
    [RBE_SQL_CDK_USE_COUNT] =
        USAGE("cdk use count", "SELECT count(*) FROM (SELECT 1 FROM cdk_use WHERE cdk = ?1 AND day = ?2 LIMIT ?3)"),
    [RBE_SQL_CDK_USE_LAST] = USAGE("cdk use last", "SELECT max(day) FROM cdk_use"),
    [RBE_SQL_CDK_USE_PURGE] =
        USAGE("cdk use purge", "DELETE FROM cdk_use WHERE (cdk, key) IN "
                               "(SELECT cdk, key FROM cdk_use WHERE day < ?1 ORDER BY day LIMIT ?2)"),
    [RBE_SQL_CDK_TOTAL_ADD] =
        USAGE("cdk total add", "INSERT INTO cdk_total (cdk, downloads) VALUES (?1, 1) "
                               "ON CONFLICT (cdk) DO UPDATE SET downloads = downloads + 1"),
    [RBE_SQL_CDK_TOTAL] = USAGE("cdk total", "SELECT downloads FROM cdk_total WHERE cdk = ?1"),
    [RBE_SQL_TOKEN_USE_PUT] =
        USAGE("token use put", "INSERT INTO token_use (token, used_at) VALUES (?1, ?2) "
                               "ON CONFLICT (token) DO UPDATE SET used_at = excluded.used_at"),
    [RBE_SQL_TOKEN_USE_FIND] = USAGE("token use find", "SELECT used_at FROM token_use WHERE token = ?1"),
    [RBE_SQL_REPLY_READ] =
        RELEASES("reply read", "SELECT iif(j, json_type(t, '$.code') IS 'integer', 0), iif(j, json_extract(t, '$.code'), 0), "
                               "iif(j AND json_type(t, '$.data.expires_at') IS 'integer', "
                               "json_extract(t, '$.data.expires_at'), 0) FROM (SELECT ?1 AS t, json_valid(?1) AS j)"),

    [RBE_SQL_AUDIT_PUT] =
        RELEASES("audit put", "INSERT INTO audit (at, actor, origin, action, rid, subject, detail) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
    [RBE_SQL_AUDIT_LIST] =
        RELEASES("audit list", "SELECT " AUDIT " FROM audit WHERE at >= ?1 AND (?2 = '' OR actor = ?2) "
                               "AND (?3 = '' OR action = ?3) ORDER BY at DESC, id DESC LIMIT ?4"),
    [RBE_SQL_AUDIT_LIST_RESOURCE] =
        RELEASES("audit list of a resource", "SELECT " AUDIT " FROM audit WHERE rid = ?5 AND rid <> '' AND at >= ?1 "
                                             "AND (?2 = '' OR actor = ?2) AND (?3 = '' OR action = ?3) "
                                             "ORDER BY at DESC, id DESC LIMIT ?4"),
    [RBE_SQL_AUDIT_FORGET] = RELEASES("audit forget", "DELETE FROM audit WHERE at < ?1"),

    [RBE_SQL_MARK_FIND] = USAGE("mark find", "SELECT value FROM mark WHERE name = ?1"),
    [RBE_SQL_MARK_PUT] = USAGE("mark put", "INSERT INTO mark (name, value) VALUES (?1, ?2) "
                                           "ON CONFLICT (name) DO UPDATE SET value = excluded.value"),

    [RBE_SQL_JOB_PUT] =
        USAGE("job put", "INSERT INTO job (kind, subject, target, source, format, weight, state, created_at, run_at, "
                         "payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9) "
                         "ON CONFLICT (kind, subject) DO NOTHING"),
    [RBE_SQL_JOB_FIND] = USAGE("job find", "SELECT " JOB " FROM job WHERE kind = ?1 AND subject = ?2"),
    [RBE_SQL_JOB_GET] = USAGE("job get", "SELECT " JOB " FROM job WHERE id = ?1"),
    [RBE_SQL_JOB_RAISE] = USAGE("job raise", "UPDATE job SET weight = ?2 WHERE id = ?1 AND state = 0 AND weight < ?2"),
    [RBE_SQL_JOB_LEASES] = USAGE("job leases", "SELECT " JOB " FROM job WHERE state = 1 ORDER BY id"),
    /* Walks what is queued, weightiest first, as far as the first that is due; without the hint SQLite sorts all. What is due
     * later than ?2 was put by a clock that ran ahead. */
    [RBE_SQL_JOB_NEXT] = USAGE("job next", "SELECT /*scan*/ " JOB " FROM job INDEXED BY job_runnable "
                                           "WHERE state = 0 AND (run_at <= ?1 OR run_at > ?2) "
                                           "ORDER BY weight DESC, run_at, id LIMIT 1"),
    [RBE_SQL_JOB_LEASE] =
        USAGE("job lease", "UPDATE job SET state = 1, tries = tries + 1, leased_at = ?2, host = ?3, pid = ?4, "
                           "start = ?5 WHERE id = ?1 AND state = 0"),
    /* tries tells this lease from an earlier one of the same worker. */
    [RBE_SQL_JOB_END] =
        USAGE("job end", "UPDATE job SET state = ?6, run_at = ?7, finished_at = ?8, note = ?9, host = '', pid = 0, "
                         "start = 0, bytes = ?10, cpu_ms = ?11, rss_bytes = ?12 WHERE id = ?1 AND state = 1 "
                         "AND host = ?2 AND pid = ?3 AND start = ?4 AND tries = ?5"),
    [RBE_SQL_JOB_RENEW] =
        USAGE("job renew", "UPDATE job SET leased_at = ?6 WHERE id = ?1 AND state = 1 AND host = ?2 AND pid = ?3 "
                           "AND start = ?4 AND tries = ?5"),
    [RBE_SQL_JOB_RETRY] =
        USAGE("job retry", "UPDATE job SET state = 0, tries = 0, run_at = ?2, finished_at = 0, note = '' "
                           "WHERE id = ?1 AND state <> 1"),
    [RBE_SQL_JOB_FORGET] =
        USAGE("job forget", "DELETE FROM job WHERE state = ?1 AND kind = ?2 AND finished_at < ?3"),
    [RBE_SQL_JOB_COUNT] = USAGE("job count", "SELECT count(DISTINCT source) FROM job WHERE target = ?1 AND kind = 0"),
    [RBE_SQL_JOB_LEAST] =
        USAGE("job least", "SELECT " JOB " FROM job WHERE target = ?1 AND kind = 0 AND format = ?2 AND state = 0 "
                           "AND weight < ?3 ORDER BY weight, id LIMIT 1"),
    [RBE_SQL_JOB_BUILT] =
        USAGE("job built", "SELECT " JOB " FROM job WHERE target = ?1 AND kind = 0 AND format = ?2 AND state = 2 "
                           "AND weight < ?3 ORDER BY id"),
    [RBE_SQL_JOB_ENDED] =
        USAGE("job ended", "SELECT " JOB " FROM job WHERE target = ?1 AND kind = 0 AND state IN (2, 3) "
                           "ORDER BY source, format"),
    [RBE_SQL_JOB_DROP] =
        USAGE("job drop", "DELETE FROM job WHERE id = ?1 AND state = 1 AND host = ?2 AND pid = ?3 AND start = ?4 "
                          "AND tries = ?5"),
    [RBE_SQL_JOB_NOTE] =
        USAGE("job note", "UPDATE job SET note = ?6 WHERE id = ?1 AND state = 1 AND host = ?2 AND pid = ?3 "
                          "AND start = ?4 AND tries = ?5"),
    [RBE_SQL_JOB_FORGET_PAIR] =
        USAGE("job forget pair", "DELETE FROM job WHERE target = ?1 AND source = ?2 AND kind = 0 AND state <> 1"),
    [RBE_SQL_JOB_LIST] = USAGE("job list", "SELECT /*scan*/ " JOB " FROM job ORDER BY id DESC LIMIT ?1"),
    [RBE_SQL_JOB_LIST_STATE] =
        USAGE("job list by state", "SELECT " JOB " FROM job WHERE state = ?1 ORDER BY id DESC LIMIT ?2"),

    /* Halved for each week that has gone by since. */
    [RBE_SQL_STANDING_ADD] =
        USAGE("standing add", "INSERT INTO standing (package, asked, week, formats) VALUES (?1, ?2, ?3, ?4) "
                              "ON CONFLICT (package) DO UPDATE SET "
                              "asked = (asked >> min(max(?3 - week, 0), 60)) + ?2, "
                              "formats = CASE WHEN ?3 > week THEN ?4 ELSE formats | ?4 END, week = max(week, ?3)"),
    [RBE_SQL_STANDING_FIND] =
        USAGE("standing find", "SELECT asked >> min(max(?2 - week, 0), 60), formats FROM standing WHERE package = ?1"),
    [RBE_SQL_STANDING_TOP] =
        USAGE("standing top", "SELECT /*scan*/ asked >> min(max(?1 - week, 0), 60) AS n, formats, package FROM standing "
                              "ORDER BY n DESC, package LIMIT ?2"),
    [RBE_SQL_JOB_TALLY] = USAGE("job tally", "SELECT kind, state, count(*), min(created_at) FROM job "
                                             "WHERE state IN (0, 1, 3) GROUP BY kind, state"),
    [RBE_SQL_PACKAGE_SUM] =
        RELEASES("package sum", "SELECT /*scan*/ count(*), coalesce(sum(size), 0) FROM package WHERE removed_at = 0"),
};

const struct rbe_sql_text *rbe_sql_text(enum rbe_sql id)
{
    return &texts[id];
}

static enum rbe_code start(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, struct rbe_db **ret_db,
                           struct rbe_db_stmt **ret, struct rbe_err *e)
{
    const struct rbe_sql_text *t = &texts[id];

    RBE_TRY(rbe_store_db(s, t->base, ret_db, e));
    if (!s->kept[id])
        RBE_TRY(rbe_db_prepare(*ret_db, t->name, t->text, &s->kept[id], e));
    if (!rbe_db_reads_only(s->kept[id]) && !rbe_db_in_transaction(*ret_db))
        return rbe_fail(e, RBE_FAULT, "database %s: %s outside a transaction", rbe_db_path(*ret_db), t->name);
    *ret = s->kept[id];
    return rbe_db_start(*ret, values, e);
}

enum rbe_code rbe_sql_run(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, int64_t *ret_changes,
                          struct rbe_err *e)
{
    struct rbe_db_stmt *st;
    struct rbe_db *db;
    bool row;

    RBE_TRY(start(s, id, values, &db, &st, e));
    RBE_TRY(rbe_db_step(st, &row, e));
    if (ret_changes)
        *ret_changes = rbe_db_changes(db);
    rbe_db_reset(st);
    return RBE_OK;
}

enum rbe_code rbe_sql_put(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, int64_t *ret_id,
                          bool *ret_new, struct rbe_err *e)
{
    int64_t changes;
    struct rbe_db *db;

    RBE_TRY(rbe_sql_run(s, id, values, &changes, e));
    RBE_TRY(rbe_store_db(s, texts[id].base, &db, e));
    *ret_new = changes > 0;
    if (changes > 0)
        *ret_id = rbe_db_last_id(db);
    return RBE_OK;
}

enum rbe_code rbe_sql_find(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, rbe_sql_reader *reader,
                           struct rbe_arena *arena, void *ret, bool *ret_found, struct rbe_err *e)
{
    struct rbe_db_stmt *st;
    struct rbe_db *db;

    RBE_TRY(start(s, id, values, &db, &st, e));
    RBE_TRY(rbe_db_step(st, ret_found, e));
    if (*ret_found)
        reader(st, arena, ret);
    rbe_db_reset(st);
    return RBE_OK;
}

enum rbe_code rbe_sql_list(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, rbe_sql_reader *reader,
                           size_t size, struct rbe_arena *arena, void **ret, size_t *ret_n, struct rbe_err *e)
{
    rbe_autofree char *rows = NULL;
    size_t n = 0, room = 0;
    struct rbe_db_stmt *st;
    struct rbe_db *db;
    bool row;

    RBE_TRY(start(s, id, values, &db, &st, e));
    for (;;) {
        RBE_TRY(rbe_db_step(st, &row, e));
        if (!row)
            break;
        rows = rbe_grow(rows, n, &room, size);
        memset(rows + n * size, 0, size);
        reader(st, arena, rows + n++ * size);
    }
    rbe_db_reset(st);
    *ret = rbe_arena_alloc_array(arena, n, size);
    if (n)
        memcpy(*ret, rows, n * size);
    *ret_n = n;
    return RBE_OK;
}

static void read_number(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    (void)arena;
    *(int64_t *)ret = rbe_db_get_int(st, 0);
}

enum rbe_code rbe_sql_number(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, int64_t *ret,
                             struct rbe_err *e)
{
    bool found;

    *ret = 0;
    return rbe_sql_find(s, id, values, read_number, NULL, ret, &found, e);
}
