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
CREATE INDEX mirror_copy_mirror ON mirror_copy (mirror, package);

-- A number that differs after anything was changed that an answer may rest on, by whatever program: what processes keep
-- in memory goes by it. New rows are counted by the writer, and show in what is offered; the rest counts itself.
CREATE TABLE change (
    id              INTEGER PRIMARY KEY CHECK (id = 0),
    number          INTEGER NOT NULL
) STRICT;
INSERT INTO change (id, number) VALUES (0, 1);
CREATE TRIGGER resource_changed AFTER UPDATE ON resource BEGIN UPDATE change SET number = number + 1 WHERE id = 0; END;
CREATE TRIGGER resource_gone AFTER DELETE ON resource BEGIN UPDATE change SET number = number + 1 WHERE id = 0; END;
CREATE TRIGGER version_changed AFTER UPDATE ON version BEGIN UPDATE change SET number = number + 1 WHERE id = 0; END;
CREATE TRIGGER version_gone AFTER DELETE ON version BEGIN UPDATE change SET number = number + 1 WHERE id = 0; END;
CREATE TRIGGER package_changed AFTER UPDATE ON package BEGIN UPDATE change SET number = number + 1 WHERE id = 0; END;
CREATE TRIGGER package_gone AFTER DELETE ON package BEGIN UPDATE change SET number = number + 1 WHERE id = 0; END;
CREATE TRIGGER offer_added AFTER INSERT ON offer BEGIN UPDATE change SET number = number + 1 WHERE id = 0; END;
CREATE TRIGGER offer_gone AFTER DELETE ON offer BEGIN UPDATE change SET number = number + 1 WHERE id = 0; END;
