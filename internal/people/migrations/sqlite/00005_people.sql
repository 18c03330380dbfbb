ALTER TABLE strangers RENAME TO unenrolled_probes;
DROP INDEX strangers_last_at;
CREATE INDEX unenrolled_probes_last_at ON unenrolled_probes (last_at);
