-- usage.db: jobs of more kinds than patches, what they cost, and what is recorded of use.

-- What a job needs beside its subject, as JSON; empty for none.
ALTER TABLE job ADD COLUMN payload TEXT NOT NULL DEFAULT '';
-- What came of it: the size of what was made, and what making it cost.
ALTER TABLE job ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN cpu_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN rss_bytes INTEGER NOT NULL DEFAULT 0;

-- How far somebody who walks something has come.
CREATE TABLE mark (
    name            TEXT NOT NULL PRIMARY KEY,
    value           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When a token was last used, to the minute.
CREATE TABLE token_use (
    token           INTEGER PRIMARY KEY,                    -- row id in rbe.db
    used_at         INTEGER NOT NULL
) STRICT;

-- Counted downloads: a row for each key that a cdk used, so that a key used again counts once.
CREATE TABLE cdk_use (
    cdk             INTEGER NOT NULL,                       -- row id in rbe.db; negative for one that another service
                                                            -- vouched for
    key             BLOB NOT NULL,                          -- what tells the download key from others
    day             INTEGER NOT NULL,                       -- days since 1970 in the configured time zone
    used_at         INTEGER NOT NULL,
    PRIMARY KEY (cdk, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX cdk_use_today ON cdk_use (cdk, day);
CREATE INDEX cdk_use_day ON cdk_use (day);

-- Downloads of a cdk altogether, as the rows above go when they are old.
CREATE TABLE cdk_total (
    cdk             INTEGER PRIMARY KEY,                    -- row id in rbe.db
    downloads       INTEGER NOT NULL
) STRICT;

-- Whether the places that downloads are sent to answer.
CREATE TABLE mirror (
    url             TEXT NOT NULL PRIMARY KEY,              -- the prefix as configured
    up              INTEGER NOT NULL CHECK (up BETWEEN 0 AND 1),
    failures        INTEGER NOT NULL DEFAULT 0,             -- in a row
    checked_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,                       -- of up
    reason          TEXT NOT NULL                           -- of the last failure
) STRICT, WITHOUT ROWID;

-- Where clients stand: how often they said they were on a full package, halved each week, so that what they were on long
-- ago counts little. At most one row a package.
CREATE TABLE standing (
    package         INTEGER PRIMARY KEY,                    -- row id in rbe.db
    asked           INTEGER NOT NULL,                       -- since `week`, and half of what was before
    week            INTEGER NOT NULL,                       -- weeks since 1970
    formats         INTEGER NOT NULL                        -- delta formats asked for in that week: bits, as package.format
) STRICT;
