-- One row for each answer that was given. Who was answered, to what, and the answer
-- are sealed. The hashes find the answers of one client by an id.
CREATE TABLE answers (
    seq       INTEGER PRIMARY KEY, -- of the event in audit_events
    at        INTEGER NOT NULL,    -- when the verification started
    request   BLOB    NOT NULL,    -- keyed hash of the client and the request's id
    reference BLOB,                -- keyed hash of the client and its own id; NULL: none
    sealed    BLOB    NOT NULL
) STRICT;
CREATE INDEX answers_request ON answers (request);
CREATE INDEX answers_reference ON answers (reference) WHERE reference IS NOT NULL;
CREATE INDEX answers_at ON answers (at);
