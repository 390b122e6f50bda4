#!/usr/bin/env python3
"""What a stock that is kept in several rows gains and costs; the numbers of docs/scale.md.

Measured: 64 buyers at once on a private MariaDB that syncs every commit; each purchase lowers the stock and writes an order in one
transaction. The stock is one row, or lies in several rows of which each purchase takes one at random.

Simulated: what the split costs. Buyers of several pieces find none in the row they look at although the others together have enough. Either they
are refused, or the purchase goes on to the next row, or to all of them in one transaction.

Needs Python 3.9 and, for the measurement, Debian's mariadb-server and mariadb-client. Everything it starts ends with it.
"""

import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

BUYERS = 64
PURCHASES = 6400
ROWS = (1, 4, 16)
ROUNDS = 3
# How long a purchase holds its row beyond what the server itself needs: nothing, and what two round trips within a region and a commit that is
# copied to a second zone take.
HELD_MS = (0, 2)

SCHEMA = """
CREATE TABLE stock (product INT, part INT, pieces BIGINT, PRIMARY KEY (product, part)) ENGINE=InnoDB;
CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, product INT, pieces INT, at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6)) ENGINE=InnoDB;
CREATE PROCEDURE buy(parts INT, held DOUBLE)
BEGIN
  DECLARE chosen INT DEFAULT FLOOR(RAND() * parts);
  START TRANSACTION;
  UPDATE stock SET pieces = pieces - 1 WHERE product = 1 AND part = chosen AND pieces >= 1;
  INSERT INTO orders (product, pieces) VALUES (1, 1);
  IF held > 0 THEN DO SLEEP(held); END IF;
  COMMIT;
END
"""


def measure():
    """Purchases per second by how long a row is held (ms) and number of rows, the median of some rounds."""
    needed = ["mariadbd", "mariadb-install-db", "mariadb-slap", "mariadb"]
    missing = [program for program in needed if not (shutil.which(program) or Path("/usr/sbin", program).exists())]
    if missing:
        print(f"not measured: {', '.join(missing)} missing (Debian: apt-get install mariadb-server mariadb-client)")
        return {}
    with tempfile.TemporaryDirectory(prefix="sharded-stock-") as folder:
        data, socket = Path(folder, "data"), Path(folder, "socket")
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        server = subprocess.Popen(
            [shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket}", "--skip-networking",
             "--user=root", "--max-connections=200", "--innodb-flush-log-at-trx-commit=1", f"--log-error={folder}/log"],
        )
        try:
            client = ["--no-defaults", f"--socket={socket}", "--user=root"]
            wait_for(client)
            sql = lambda text, database=None: subprocess.run(  # noqa: E731
                ["mariadb", *client, *([database] if database else [])], input=text, text=True, check=True)
            sql("CREATE DATABASE shop")
            sql("DELIMITER //\n" + "//\n".join(part.strip() for part in SCHEMA.split(";\n", 2)) + "//\n", "shop")
            rates = {(held, rows): [] for held in HELD_MS for rows in ROWS}
            # Interleaved, so that a machine that is busy for a while is so for all of them.
            for _ in range(ROUNDS):
                for held, rows in rates:
                    sql("DELETE FROM stock; " + "".join(f"INSERT INTO stock VALUES (1, {part}, 1000000000);" for part in range(rows)), "shop")
                    purchases = PURCHASES if held == 0 else PURCHASES // 4
                    began = time.monotonic()
                    subprocess.run(
                        ["mariadb-slap", *client, "--create-schema=shop", "--no-drop", f"--concurrency={BUYERS}",
                         f"--number-of-queries={purchases}", f"--query=CALL buy({rows}, {held / 1000})"],
                        check=True, stdout=subprocess.DEVNULL,
                    )
                    rates[held, rows].append(purchases / (time.monotonic() - began))
            return {setting: statistics.median(measured) for setting, measured in rates.items()}
        finally:
            server.terminate()
            server.wait(60)


def wait_for(client):
    deadline = time.monotonic() + 120
    while subprocess.run(["mariadb", *client, "--execute=SELECT 1"], capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise SystemExit("the private MariaDB did not come up within 120 s")
        time.sleep(0.2)


def simulate(rows, look_at, seed=1, stock=1600):
    """Share of the buyers who were refused although the rows together had enough, and pieces that were left when the last buyer came."""
    draw = random.Random(seed)
    parts = [stock // rows] * rows
    wronged = buyers = 0
    while buyers < stock:
        buyers += 1
        wanted = draw.choices([1, 2, 3, 6], [75, 18, 5, 2])[0]
        first = draw.randrange(rows)
        for step in range(1 if look_at == "one row" else rows):
            row = (first + step) % rows
            if parts[row] >= wanted:
                parts[row] -= wanted
                break
        else:
            if sum(parts) >= wanted and look_at == "all rows at once":
                for row in range(rows):
                    taken = min(parts[row], wanted)
                    parts[row] -= taken
                    wanted -= taken
            else:
                wronged += sum(parts) >= wanted
    return wronged / buyers, sum(parts)


def main():
    rates = measure()
    if rates:
        print("| row held for | rows | purchases per second | beside one row |\n|---|---|---|---|")
    for (held, rows), rate in rates.items():
        print(f"| {f'{held} ms more' if held else 'as long as it takes'} | {rows} | {rate:.0f} | {rate / rates[held, 1]:.1f} × |")
    print("\n| rows | a purchase looks at | refused although there was enough | pieces left over |\n|---|---|---|---|")
    for rows in ROWS[1:] + (64,):
        for look_at in ("one row", "each row in turn", "all rows at once"):
            runs = [simulate(rows, look_at, seed) for seed in range(200)]
            wronged, left = (statistics.mean(values) for values in zip(*runs))
            print(f"| {rows} | {look_at} | {wronged * 100:.2f} % | {left:.1f} |")


if __name__ == "__main__":
    main()
