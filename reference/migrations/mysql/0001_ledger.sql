-- The tables of migrations/sqlite, for MySQL 8 and MariaDB. All times are microseconds since the Unix epoch, given by the program: no
-- server's time zone has a part in them. `position` grows with the rows of a table; those of one product stand in the order of their commits.
--
-- Keys compare byte by byte (utf8mb4_bin): "k-1" and "K-1" are two. Every statement may be run again: a server commits each by itself.

CREATE TABLE IF NOT EXISTS shop (
    edition    VARCHAR(32) NOT NULL PRIMARY KEY,
    seeded_at  BIGINT      NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS factories (
    factory_id VARCHAR(128) NOT NULL PRIMARY KEY,
    name       VARCHAR(128) NOT NULL,
    locate     VARCHAR(128) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS products (
    product_id    VARCHAR(128) NOT NULL PRIMARY KEY,
    name          VARCHAR(128) NOT NULL UNIQUE,
    price         BIGINT       NOT NULL CHECK (price >= 0),
    stock         BIGINT       NOT NULL CHECK (stock >= 0),
    initial_stock BIGINT       NOT NULL CHECK (initial_stock >= 0),
    factory_id    VARCHAR(128) NOT NULL,
    episode       BIGINT       NOT NULL DEFAULT 0,
    sold_out      BOOLEAN      NOT NULL DEFAULT FALSE CHECK (sold_out IN (0, 1)),
    FOREIGN KEY (factory_id) REFERENCES factories (factory_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- `requested_product` and `gathering_product` repeat the product while the production is in that state and are NULL otherwise:
-- being unique, they allow one production of a product in each of the two states.
CREATE TABLE IF NOT EXISTS productions (
    position          BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    production_id     CHAR(36)     NOT NULL UNIQUE,
    product_id        VARCHAR(128) NOT NULL,
    factory_id        VARCHAR(128) NOT NULL,
    order_id          CHAR(36)     NOT NULL,
    quantity          BIGINT       NOT NULL CHECK (quantity > 0),
    token             VARCHAR(128) NOT NULL,
    requester         VARCHAR(512) NOT NULL,
    state             VARCHAR(16)  NOT NULL CHECK (state IN ('gathering', 'waiting', 'requested', 'applied')),
    requested_product VARCHAR(128) UNIQUE,
    gathering_product VARCHAR(128) UNIQUE,
    requests          BIGINT       NOT NULL DEFAULT 0,
    created_at        BIGINT       NOT NULL,
    requested_at      BIGINT,
    accepted_at       BIGINT,
    applied_at        BIGINT,
    continued_in      CHAR(36),
    INDEX productions_by_product (product_id, state, position),
    FOREIGN KEY (product_id) REFERENCES products (product_id),
    FOREIGN KEY (factory_id) REFERENCES factories (factory_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The ledger. A row is also the record of its idempotency key: the answer is derived from it whenever the key is seen again.
CREATE TABLE IF NOT EXISTS orders (
    position        BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    order_id        CHAR(36)      NOT NULL UNIQUE,
    idempotency_key VARCHAR(128)  UNIQUE,
    fingerprint     VARBINARY(32) NOT NULL,
    product_id      VARCHAR(128)  NOT NULL,
    quantity        BIGINT        NOT NULL CHECK (quantity > 0),
    outcome         VARCHAR(16)   NOT NULL CHECK (outcome IN ('sold', 'sold_out')),
    stock_left      BIGINT        NOT NULL CHECK (stock_left >= 0),
    production_id   CHAR(36),
    shortage        BIGINT        NOT NULL CHECK (shortage >= 0),
    requester       VARCHAR(512)  NOT NULL,
    created_at      BIGINT        NOT NULL,
    CHECK ((outcome = 'sold_out') = (production_id IS NOT NULL)),
    CHECK ((outcome = 'sold_out') = (shortage > 0)),
    FOREIGN KEY (product_id) REFERENCES products (product_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- An id is never given twice while the server runs, and every claim ends long before a restart could give the highest one again to another
-- message; both MariaDB and MySQL 8 keep the counter over restarts.
CREATE TABLE IF NOT EXISTS outbox (
    id           BIGINT     NOT NULL AUTO_INCREMENT PRIMARY KEY,
    event_id     CHAR(36)   NOT NULL,
    message      MEDIUMTEXT NOT NULL,
    claims       BIGINT     NOT NULL DEFAULT 0,
    leased_until BIGINT     NOT NULL DEFAULT 0,
    leased_by    VARCHAR(64)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Without a foreign key on the production: its check would share-lock the row that the same transaction updates next, which deadlocks with
-- whoever notes at that moment that the factory took it. The arrival has read the production in any case.
CREATE TABLE IF NOT EXISTS restocks (
    position      BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    production_id CHAR(36)     NOT NULL UNIQUE,
    product_id    VARCHAR(128) NOT NULL,
    quantity      BIGINT       NOT NULL CHECK (quantity > 0),
    stock_after   BIGINT       NOT NULL,
    at            BIGINT       NOT NULL,
    FOREIGN KEY (product_id) REFERENCES products (product_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS adjustments (
    position    BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    product_id  VARCHAR(128) NOT NULL,
    delta       BIGINT       NOT NULL,
    stock_after BIGINT       NOT NULL CHECK (stock_after >= 0),
    at          BIGINT       NOT NULL,
    FOREIGN KEY (product_id) REFERENCES products (product_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What a consumer has had the effect of, written in the transaction of the effect.
CREATE TABLE IF NOT EXISTS receipts (
    position BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    consumer VARCHAR(32)  NOT NULL,
    id       VARCHAR(191) NOT NULL,
    at       BIGINT       NOT NULL,
    UNIQUE (consumer, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS episodes (
    position   BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    product_id VARCHAR(128) NOT NULL,
    number     BIGINT       NOT NULL,
    began_at   BIGINT       NOT NULL,
    ended_at   BIGINT,
    UNIQUE (product_id, number),
    FOREIGN KEY (product_id) REFERENCES products (product_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Not a part of `episodes`: the message may be handled where that row is not yet, or not any more, to be seen.
CREATE TABLE IF NOT EXISTS ad_stops (
    product_id VARCHAR(128) NOT NULL,
    number     BIGINT       NOT NULL,
    begun_at   BIGINT       NOT NULL,
    mailed_at  BIGINT,
    PRIMARY KEY (product_id, number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS operations (
    position   BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    event_id   CHAR(36)     NOT NULL UNIQUE,
    order_id   CHAR(36)     NOT NULL,
    product_id VARCHAR(128) NOT NULL,
    quantity   BIGINT       NOT NULL,
    outcome    VARCHAR(16)  NOT NULL,
    stock      BIGINT       NOT NULL,
    requester  VARCHAR(512) NOT NULL,
    at         BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
