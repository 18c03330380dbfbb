-- operators has one row for each operator of the console. What is sealed is bound to id
-- and name.
CREATE TABLE operators (
    id     TEXT PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    sealed BLOB NOT NULL
) STRICT;

-- operator_sessions has one row for each session. The id that a browser has is stored
-- nowhere: hash is its keyed hash. The MAC covers all but seen_at.
CREATE TABLE operator_sessions (
    hash       BLOB    PRIMARY KEY,
    operator   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    mac        BLOB    NOT NULL
) STRICT;
CREATE INDEX operator_sessions_operator ON operator_sessions (operator);
