CREATE TABLE lease (
    name text COLLATE "C" PRIMARY KEY,
    owner int8 NOT NULL,
    token int8 NOT NULL,
    until int8 NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE lease IS 'An act that is to be done once is done by the node that holds its lease.';
COMMENT ON COLUMN lease.owner IS 'The node that took it last; 0 where it was given up.';
COMMENT ON COLUMN lease.token IS 'Grows with each change of owner: who writes with an old one is refused.';
COMMENT ON COLUMN lease.until IS 'Until when nobody else may take it, by the clock of the database.';

CREATE TABLE node (
    no int8 PRIMARY KEY,
    until int8 NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE node IS 'A server at this store; its number is drawn when it starts.';
COMMENT ON COLUMN node.until IS 'Until when what it said counts, by the clock of the database.';

CREATE TABLE node_present (
    node int8 NOT NULL,
    participant int8 NOT NULL,
    PRIMARY KEY (node, participant)
);
COMMENT ON TABLE node_present IS 'Who follows the own log at a node. participant: participant.';

-- Each server keeps in memory the texts that it put together; it looks here whether some were removed by another one.
INSERT INTO meta (key, value) VALUES ('texts_removed', '0') ON CONFLICT DO NOTHING;
