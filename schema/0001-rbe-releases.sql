-- rbe.db: releases and rights. It changes only when an answer may change; what is written often lies in usage.db.
--
-- Times are whole seconds UTC since 1970; 0 means "not yet" or "never". Hashes are SHA-256, 32 bytes.
-- Channels, systems and arches are the numbers of lib/core/target.h; 0 is stable, any system, any arch.

-- Small settings of the installation itself.
CREATE TABLE meta (
    key             TEXT NOT NULL PRIMARY KEY,
    value           TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is published under one name.
CREATE TABLE resource (
    id              INTEGER PRIMARY KEY,
    rid             TEXT NOT NULL UNIQUE,                   -- its name in URLs
    update_type     INTEGER NOT NULL CHECK (update_type BETWEEN 0 AND 1),   -- 0 incremental, 1 full
    access          INTEGER NOT NULL CHECK (access BETWEEN 0 AND 1),        -- 0 public, 1 only with a cdk
    ordering        INTEGER NOT NULL CHECK (ordering BETWEEN 0 AND 1),      -- 0 by version name, 1 as published
    last_number     INTEGER NOT NULL DEFAULT 0,             -- greatest version number given out; versions are never
                                                            -- deleted, so it is their count as well
    created_at      INTEGER NOT NULL,
    name            TEXT NOT NULL,                          -- for people
    description     TEXT NOT NULL,
    always_include  TEXT NOT NULL                           -- JSON array of globs that every incremental carries whole
) STRICT;

-- One release of a resource, whatever platforms it has packages for. A withdrawn one stays, so its name stays taken.
CREATE TABLE version (
    id              INTEGER PRIMARY KEY,
    resource        INTEGER NOT NULL REFERENCES resource (id),
    number          INTEGER NOT NULL CHECK (number > 0),    -- counts up from 1 within the resource
    name            TEXT NOT NULL,
    channel         INTEGER NOT NULL CHECK (channel >= 0),
    order_by        INTEGER NOT NULL CHECK (order_by >= 0), -- the version parser that takes the name; 0: none does
    order_key       BLOB NOT NULL,                          -- its key, in order bytewise among those of that parser
    created_at      INTEGER NOT NULL,
    withdrawn_at    INTEGER NOT NULL DEFAULT 0,
    release_note    TEXT NOT NULL,
    custom_data     TEXT NOT NULL,
    UNIQUE (resource, name),
    UNIQUE (resource, number)
) STRICT;

-- A stored file, complete on disk before its row is here. Download keys and jobs name packages by id, so an id never
-- comes again (AUTOINCREMENT).
CREATE TABLE package (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    version         INTEGER NOT NULL REFERENCES version (id),   -- of a patch: the version it leads to
    system          INTEGER NOT NULL CHECK (system >= 0),
    arch            INTEGER NOT NULL CHECK (arch >= 0),
    format          INTEGER NOT NULL CHECK (format >= 0),   -- 0 a full package, 1 a patch of format "files"
    target          INTEGER REFERENCES package (id),        -- of a patch: the full package it leads to
    source          INTEGER REFERENCES package (id),        -- of a patch: the full package it leads from
    size            INTEGER NOT NULL CHECK (size >= 0),     -- bytes
    sha256          BLOB NOT NULL CHECK (length(sha256) = 32),
    tree            BLOB NOT NULL CHECK (length(tree) = 32),    -- hash of the manifest; zeros where there is none
    files           INTEGER NOT NULL CHECK (files >= 0),    -- files and links in it; 0 where it is no archive
    created_at      INTEGER NOT NULL,
    purged_at       INTEGER NOT NULL DEFAULT 0,             -- no longer offered; the file may be gone
    file_type       TEXT NOT NULL,                          -- "zip", "tar.gz", … or the ending of a full one's file
    path            TEXT NOT NULL UNIQUE,                   -- below the storage root; never reused
    CHECK ((format = 0) = (target IS NULL) AND (format = 0) = (source IS NULL))
) STRICT;
CREATE UNIQUE INDEX package_full ON package (version, system, arch) WHERE format = 0;
CREATE UNIQUE INDEX package_patch ON package (target, source, format) WHERE target IS NOT NULL;
CREATE INDEX package_version ON package (version);

-- Derived from the tables above, made anew whenever they change: on each channel, for each platform and version
-- parser, the greatest version that has a full package there, so that an answer never walks all versions of a
-- resource.
CREATE TABLE offer (
    resource        INTEGER NOT NULL REFERENCES resource (id),
    system          INTEGER NOT NULL,
    arch            INTEGER NOT NULL,
    channel         INTEGER NOT NULL,
    order_by        INTEGER NOT NULL,                       -- always 0 where the resource is ordered as published
    order_key       BLOB NOT NULL,                          -- empty for order_by 0
    number          INTEGER NOT NULL,                       -- of the version
    version         INTEGER NOT NULL REFERENCES version (id),
    package         INTEGER NOT NULL REFERENCES package (id),   -- a full one
    PRIMARY KEY (resource, system, arch, channel, order_by)
) STRICT, WITHOUT ROWID;

-- Bearer tokens of publishers and admins. The text itself is kept nowhere.
CREATE TABLE token (
    id              INTEGER PRIMARY KEY,
    sha256          BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),   -- of the token's text
    name            TEXT NOT NULL,                          -- unique among those not revoked
    scope           INTEGER NOT NULL CHECK (scope BETWEEN 0 AND 1),     -- 0 publish, 1 admin
    rid             TEXT REFERENCES resource (rid),         -- the one resource it is bound to; NULL: all
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    revoked_at      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_at = 0;

-- Keys that let a client download. The text itself is kept nowhere. Download keys name cdks by id, so an id never comes
-- again.
CREATE TABLE cdk (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256          BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),   -- of its upper-case text
    prefix          TEXT NOT NULL,                          -- first characters, to recognise it by
    resource        INTEGER REFERENCES resource (id),       -- the one resource it is for; NULL: all
    daily_limit     INTEGER NOT NULL CHECK (daily_limit >= 0),  -- downloads a day; 0: as configured
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    blocked_at      INTEGER NOT NULL DEFAULT 0
) STRICT;
