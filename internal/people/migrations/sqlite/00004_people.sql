-- As probes, for NIKs that are not in people.
CREATE TABLE strangers (
    id      INTEGER PRIMARY KEY,
    person  BLOB    NOT NULL UNIQUE, -- keyed hash: the secret "stranger link"
    last_at INTEGER NOT NULL,
    probes  BLOB    NOT NULL         -- sealed under the secret "strangers"
) STRICT;
CREATE INDEX strangers_last_at ON strangers (last_at);
