-- rbe.db: who changed what; what purging and mirroring need to know of packages.

-- Who changed what, when, from where. Written by the transaction of the change itself, so neither is there without the
-- other.
CREATE TABLE audit (
    id              INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    actor           TEXT NOT NULL,                          -- "token NAME" or "shell USER"
    origin          TEXT NOT NULL,                          -- address of the client; "" for a shell
    action          TEXT NOT NULL,                          -- "version publish"
    rid             TEXT NOT NULL,                          -- the resource it is about; "" for none
    subject         TEXT NOT NULL,                          -- what of it, or what else: "1.2.0"; "" for all of it
    detail          TEXT NOT NULL                           -- what else is worth knowing, as JSON; "" for nothing
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_rid ON audit (rid) WHERE rid <> '';

-- Of a purged package: when its files were taken away. Its row stays, because keys and patches name it.
ALTER TABLE package ADD COLUMN removed_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX package_purged ON package (purged_at) WHERE purged_at > 0 AND removed_at = 0;

-- Copies of packages that were verified where a mirror serves them from. A mirror is used for a package only when it
-- stands here.
CREATE TABLE mirror_copy (
    package         INTEGER NOT NULL REFERENCES package (id),
    mirror          TEXT NOT NULL,                          -- name of the target in the configuration
    verified_at     INTEGER NOT NULL,
    PRIMARY KEY (package, mirror)
) STRICT, WITHOUT ROWID;
