-- master_keys tells by their check values which master keys the rest was made
-- with. state: added, current (one), retiring, retired.
CREATE TABLE master_keys (
    id          BIGINT  PRIMARY KEY, -- the first byte of what is sealed
    check_value BYTEA   NOT NULL,
    state       TEXT    NOT NULL,
    added_at    BIGINT  NOT NULL
);

-- key_epoch counts the changes of the states.
CREATE TABLE key_epoch (
    id    BIGINT  PRIMARY KEY CHECK (id = 1),
    epoch BIGINT  NOT NULL
);
INSERT INTO key_epoch (id, epoch) VALUES (1, 0);

-- secrets are the keys of hashes that outlive a master key.
CREATE TABLE secrets (
    name   TEXT    PRIMARY KEY,
    key_id BIGINT  NOT NULL,
    sealed BYTEA   NOT NULL
);
