ALTER TABLE clients ADD COLUMN networks   TEXT    NOT NULL DEFAULT ''; -- separated by spaces; none: any
ALTER TABLE clients ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;  -- 0: never
ALTER TABLE clients ADD COLUMN disabled   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN note       TEXT    NOT NULL DEFAULT '';
-- The credentials from before the last rotation, and when they end. NULL: none.
ALTER TABLE clients ADD COLUMN previous_username BLOB;
ALTER TABLE clients ADD COLUMN previous_password BLOB;
ALTER TABLE clients ADD COLUMN previous_api_key  BLOB;
ALTER TABLE clients ADD COLUMN previous_until INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX clients_previous_username ON clients (previous_username);

-- The minute in which a client was last accepted.
CREATE TABLE client_uses (
    client  TEXT    PRIMARY KEY, -- its id
    used_at INTEGER NOT NULL,
    mac     BLOB    NOT NULL     -- of the other columns, under the secret "rows"
) STRICT;
