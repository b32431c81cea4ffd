ALTER TABLE message ADD COLUMN device INTEGER
/* By which device it was sent: a row of `device`; 0: by the server's own process. NULL: sent before this was kept. */;
