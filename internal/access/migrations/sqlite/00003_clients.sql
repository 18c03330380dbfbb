CREATE TABLE clients (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    scopes     TEXT    NOT NULL, -- separated by spaces
    threshold  INTEGER NOT NULL,
    name_mark  INTEGER NOT NULL,
    rate       REAL    NOT NULL,
    burst      INTEGER NOT NULL,
    added_at   INTEGER NOT NULL,
    replay     TEXT    NOT NULL,
    liveness   TEXT    NOT NULL,
    username   BLOB    NOT NULL UNIQUE, -- keyed hashes: "credentials"
    password   BLOB    NOT NULL,
    api_key    BLOB    NOT NULL
) STRICT;
