-- One row for each day and table: what was removed because it was kept for long enough.
CREATE TABLE retention_days (
    day       INTEGER NOT NULL, -- since 1970, in Jakarta
    table_of  TEXT    NOT NULL, -- whose rows they were
    removed   INTEGER NOT NULL, -- rows
    runs      INTEGER NOT NULL,
    last_at   INTEGER NOT NULL, -- the last run
    recorded  INTEGER NOT NULL, -- 1: there is an event of the audit trail
    PRIMARY KEY (day, table_of)
) STRICT;
