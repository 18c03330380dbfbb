-- One row for each day and table: what was removed because it was kept for long enough.
CREATE TABLE retention_days (
    day       BIGINT NOT NULL, -- since 1970, in Jakarta
    table_of  TEXT    NOT NULL, -- whose rows they were
    removed   BIGINT NOT NULL, -- rows
    runs      BIGINT NOT NULL,
    last_at   BIGINT NOT NULL, -- the last run
    recorded  BIGINT NOT NULL, -- 1: there is an event of the audit trail
    PRIMARY KEY (day, table_of)
);
