-- One row for each answer that was given. Who was answered, to what, and the answer
-- are sealed. The hashes find the answers of one client by an id.
CREATE TABLE answers (
    seq       BIGINT PRIMARY KEY, -- of the event in audit_events
    at        BIGINT NOT NULL,    -- when the verification started
    request   BYTEA  NOT NULL,    -- keyed hash of the client and the request's id
    reference BYTEA,              -- keyed hash of the client and its own id; NULL: none
    sealed    BYTEA  NOT NULL
);
CREATE INDEX answers_request ON answers (request, seq);
CREATE INDEX answers_reference ON answers (reference, seq) WHERE reference IS NOT NULL;
CREATE INDEX answers_at ON answers (at);
