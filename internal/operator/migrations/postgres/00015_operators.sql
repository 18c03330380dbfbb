-- operators has one row for each operator of the console. What is sealed is bound to id
-- and name.
CREATE TABLE operators (
    id     TEXT  PRIMARY KEY,
    name   TEXT  NOT NULL UNIQUE,
    sealed BYTEA NOT NULL
);

-- operator_sessions has one row for each session. The id that a browser has is stored
-- nowhere: hash is its keyed hash. The MAC covers all but seen_at.
CREATE TABLE operator_sessions (
    hash       BYTEA  PRIMARY KEY,
    operator   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    mac        BYTEA  NOT NULL
);
CREATE INDEX operator_sessions_operator ON operator_sessions (operator);
