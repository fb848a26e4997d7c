-- usage.db: what is written often. Nothing here changes an answer, and lost jobs can be derived again from the
-- releases.
--
-- Times are whole seconds UTC since 1970; 0 means "not yet".

-- One queue for everything that is done later. (kind, subject) names the work, and stays when it is done, so the same
-- work is done once however many ask for it.
CREATE TABLE job (
    id              INTEGER PRIMARY KEY,
    kind            INTEGER NOT NULL CHECK (kind >= 0),     -- 0 builds a patch
    state           INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3), -- 0 queued, 1 leased, 2 done, 3 failed
    tries           INTEGER NOT NULL DEFAULT 0,             -- leases so far
    weight          INTEGER NOT NULL,                       -- greater is sooner
    target          INTEGER NOT NULL,                       -- of a patch: row ids of full packages in rbe.db
    source          INTEGER NOT NULL,
    format          INTEGER NOT NULL,                       -- of a patch: as package.format
    created_at      INTEGER NOT NULL,
    run_at          INTEGER NOT NULL,                       -- not before this time
    leased_at       INTEGER NOT NULL DEFAULT 0,             -- start of the last lease
    finished_at     INTEGER NOT NULL DEFAULT 0,             -- done, or failed for good
    pid             INTEGER NOT NULL DEFAULT 0,             -- who holds the lease: process id,
    start           INTEGER NOT NULL DEFAULT 0,             -- its start time, since ids come again,
    host            TEXT NOT NULL DEFAULT '',               -- and the machine it runs on
    subject         TEXT NOT NULL,
    note            TEXT NOT NULL DEFAULT '',               -- reason of the last failure, or what came of it
    UNIQUE (kind, subject)
) STRICT;
CREATE INDEX job_runnable ON job (weight DESC, run_at) WHERE state = 0;
CREATE INDEX job_state ON job (state);
CREATE INDEX job_target ON job (target);
