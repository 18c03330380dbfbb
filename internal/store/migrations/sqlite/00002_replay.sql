-- What tells a photograph that is sent a second time, and what clients want
-- done about it.

-- +goose Up

-- One row for each person who was asked about: all of the probes that are
-- remembered are sealed as one, so that an answer takes one read and one write.
CREATE TABLE probes (
    id      INTEGER PRIMARY KEY,
    person  BLOB    NOT NULL UNIQUE, -- keyed hash: "probe link"
    last_at INTEGER NOT NULL,        -- of the latest of them
    probes  BLOB    NOT NULL         -- sealed
) STRICT;
CREATE INDEX probes_last_at ON probes (last_at);

ALTER TABLE clients ADD COLUMN replay   TEXT NOT NULL DEFAULT 'log';
ALTER TABLE clients ADD COLUMN liveness TEXT NOT NULL DEFAULT 'off';

ALTER TABLE audit_events ADD COLUMN flags          TEXT    NOT NULL DEFAULT ''; -- separated by spaces
ALTER TABLE audit_events ADD COLUMN liveness_known INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit_events ADD COLUMN liveness       REAL    NOT NULL DEFAULT 0;

-- +goose Down

-- There is no way down: it would be the loss of the registry.
SELECT 1;
