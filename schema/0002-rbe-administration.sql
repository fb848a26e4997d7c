-- rbe.db: what purging and mirroring need to know of packages.

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
