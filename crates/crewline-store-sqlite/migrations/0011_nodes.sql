CREATE TABLE lease (
    -- An act that is to be done once is done by the node that holds its lease.
    name TEXT PRIMARY KEY,
    -- The node that took it last; 0 where it was given up.
    owner INTEGER NOT NULL,
    -- Grows with each change of owner: who writes with an old one is refused.
    token INTEGER NOT NULL,
    -- Until when nobody else may take it.
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
    -- A server at this store; drawn when it starts.
    no INTEGER PRIMARY KEY,
    -- Until when what it said counts.
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE node_present (
    -- Who follows the own log at a node.
    node INTEGER NOT NULL REFERENCES node (no),
    participant INTEGER NOT NULL REFERENCES participant (no),
    PRIMARY KEY (node, participant)
) STRICT, WITHOUT ROWID;
