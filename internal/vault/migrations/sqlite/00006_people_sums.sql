INSERT INTO secrets (name, key_id, sealed) VALUES ('people sums', 0, x'');
