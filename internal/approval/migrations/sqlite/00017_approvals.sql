-- approvals has one row for each act that one admin has proposed to another. What is
-- sealed is bound to id and proposed_at.
CREATE TABLE approvals (
    id          TEXT    PRIMARY KEY,
    proposed_at INTEGER NOT NULL,
    sealed      BLOB    NOT NULL
) STRICT;
