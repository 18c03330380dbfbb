-- The class of a call whose caller went away.
UPDATE upstream_calls SET class = 'cancelled' WHERE class = 'left';
