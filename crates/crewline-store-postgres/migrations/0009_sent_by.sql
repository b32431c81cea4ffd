ALTER TABLE message ADD COLUMN device int8;
COMMENT ON COLUMN message.device IS 'By which device it was sent: a row of device; 0: by the server''s own process. NULL: sent before this was kept.';
