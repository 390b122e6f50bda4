-- All times are microseconds since the Unix epoch. `position` orders the rows of a table as they were committed.

CREATE TABLE shop (
    edition    TEXT    NOT NULL PRIMARY KEY,
    seeded_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE factories (
    factory_id TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    locate     TEXT NOT NULL
) STRICT;

CREATE TABLE products (
    product_id    TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    price         INTEGER NOT NULL CHECK (price >= 0),
    stock         INTEGER NOT NULL CHECK (stock >= 0),
    initial_stock INTEGER NOT NULL CHECK (initial_stock >= 0),
    factory_id    TEXT    NOT NULL REFERENCES factories (factory_id),
    episode       INTEGER NOT NULL DEFAULT 0,
    sold_out      INTEGER NOT NULL DEFAULT 0 CHECK (sold_out IN (0, 1))
) STRICT;

-- `requested_product` and `gathering_product` repeat the product while the production is in that state and are NULL otherwise:
-- being unique, they allow one production of a product in each of the two states. (A partial index says the same, but not in MySQL.)
CREATE TABLE productions (
    position          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    production_id     TEXT    NOT NULL UNIQUE,
    product_id        TEXT    NOT NULL REFERENCES products (product_id),
    factory_id        TEXT    NOT NULL REFERENCES factories (factory_id),
    order_id          TEXT    NOT NULL,
    quantity          INTEGER NOT NULL CHECK (quantity > 0),
    token             TEXT    NOT NULL,
    requester         TEXT    NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('gathering', 'waiting', 'requested', 'applied')),
    requested_product TEXT    UNIQUE,
    gathering_product TEXT    UNIQUE,
    requests          INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    requested_at      INTEGER,
    accepted_at       INTEGER,
    applied_at        INTEGER,
    continued_in      TEXT
) STRICT;

CREATE INDEX productions_by_product ON productions (product_id, state, position);

-- The ledger. A row is also the record of its idempotency key: the answer is derived from it whenever the key is seen again.
CREATE TABLE orders (
    position        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    order_id        TEXT    NOT NULL UNIQUE,
    idempotency_key TEXT    UNIQUE,
    fingerprint     BLOB    NOT NULL,
    product_id      TEXT    NOT NULL REFERENCES products (product_id),
    quantity        INTEGER NOT NULL CHECK (quantity > 0),
    outcome         TEXT    NOT NULL CHECK (outcome IN ('sold', 'sold_out')),
    stock_left      INTEGER NOT NULL CHECK (stock_left >= 0),
    production_id   TEXT,
    shortage        INTEGER NOT NULL CHECK (shortage >= 0),
    requester       TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    CHECK ((outcome = 'sold_out') = (production_id IS NOT NULL)),
    CHECK ((outcome = 'sold_out') = (shortage > 0))
) STRICT;

-- AUTOINCREMENT never gives an id twice, so a relay that marks a row long after its claim lapsed cannot hit another message.
CREATE TABLE outbox (
    id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event_id     TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    claims       INTEGER NOT NULL DEFAULT 0,
    leased_until INTEGER NOT NULL DEFAULT 0,
    leased_by    TEXT
) STRICT;

CREATE TABLE restocks (
    position      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    production_id TEXT    NOT NULL UNIQUE REFERENCES productions (production_id),
    product_id    TEXT    NOT NULL REFERENCES products (product_id),
    quantity      INTEGER NOT NULL CHECK (quantity > 0),
    stock_after   INTEGER NOT NULL,
    at            INTEGER NOT NULL
) STRICT;

CREATE TABLE adjustments (
    position    INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    product_id  TEXT    NOT NULL REFERENCES products (product_id),
    delta       INTEGER NOT NULL,
    stock_after INTEGER NOT NULL CHECK (stock_after >= 0),
    at          INTEGER NOT NULL
) STRICT;

-- What a consumer has had the effect of, written in the transaction of the effect.
CREATE TABLE receipts (
    position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    consumer TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    UNIQUE (consumer, id)
) STRICT;

CREATE TABLE episodes (
    position   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    product_id TEXT    NOT NULL REFERENCES products (product_id),
    number     INTEGER NOT NULL,
    began_at   INTEGER NOT NULL,
    ended_at   INTEGER,
    UNIQUE (product_id, number)
) STRICT;

-- Not a part of `episodes`: the message may be handled where that row is not yet, or not any more, to be seen.
CREATE TABLE ad_stops (
    product_id TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    begun_at   INTEGER NOT NULL,
    mailed_at  INTEGER,
    PRIMARY KEY (product_id, number)
) STRICT;

CREATE TABLE operations (
    position   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event_id   TEXT    NOT NULL UNIQUE,
    order_id   TEXT    NOT NULL,
    product_id TEXT    NOT NULL,
    quantity   INTEGER NOT NULL,
    outcome    TEXT    NOT NULL,
    stock      INTEGER NOT NULL,
    requester  TEXT    NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
