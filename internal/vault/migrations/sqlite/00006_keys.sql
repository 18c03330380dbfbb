-- Of the epoch and of all rows of master_keys, under the secret "rows". NULL: the
-- database is new, or of an earlier schema.
ALTER TABLE key_epoch ADD COLUMN mac BLOB;
INSERT INTO secrets (name, key_id, sealed) VALUES ('rows', 0, x'');
INSERT INTO secrets (name, key_id, sealed) VALUES ('people sums', 0, x'');
