CREATE TABLE clients (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    scopes     TEXT    NOT NULL, -- separated by spaces
    threshold  BIGINT  NOT NULL,
    name_mark  BIGINT  NOT NULL,
    rate       DOUBLE PRECISION NOT NULL,
    burst      BIGINT  NOT NULL,
    added_at   BIGINT  NOT NULL,
    replay     TEXT    NOT NULL,
    liveness   TEXT    NOT NULL,
    username   BYTEA   NOT NULL UNIQUE, -- keyed hashes: "credentials"
    password   BYTEA   NOT NULL,
    api_key    BYTEA   NOT NULL
);
