-- A secret with key_id 0 is made when the database is opened. The first four
-- are there once there is a master key; the others came with version 4.
INSERT INTO secrets (name, key_id, sealed)
SELECT name, 0, ''::bytea
FROM (
    SELECT 'audit nik' AS name UNION ALL SELECT 'audit chain' UNION ALL SELECT 'credentials' UNION ALL SELECT 'person lock'
) AS needed
WHERE NOT EXISTS (SELECT 1 FROM master_keys);
INSERT INTO secrets (name, key_id, sealed)
SELECT name, 0, ''::bytea
FROM (
    SELECT 'stranger link' AS name UNION ALL SELECT 'strangers' UNION ALL SELECT 'returns'
) AS needed
WHERE NOT EXISTS (SELECT 1 FROM secrets WHERE name IN ('stranger link', 'strangers', 'returns'));
