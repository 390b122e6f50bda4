#!/usr/bin/env python3
"""Bread by the hour: a small bakery shop with a warehouse, a message queue and an old oven that takes orders over HTTP.

Needs Python 3.9 and nothing else. See README.md for the routes and the environment.
"""

import argparse
import json
import os
import signal
import sqlite3
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=bakery/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"


def charge(customer, count):
    """The card terminal takes a moment."""
    time.sleep(0.005)


class Warehouse:
    """Stock and orders, in SQLite. Every thread has a connection of its own."""

    def __init__(self, path):
        self.path = path
        self.local = threading.local()
        self.db().executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE IF NOT EXISTS breads (name TEXT PRIMARY KEY, stock INTEGER NOT NULL);
            CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, customer TEXT, bread TEXT, count INTEGER, result TEXT);
            CREATE TABLE IF NOT EXISTS deliveries (batch TEXT PRIMARY KEY);
            INSERT OR IGNORE INTO breads VALUES ('rye', 0);
            """
        )

    def db(self):
        if not hasattr(self.local, "db"):
            self.local.db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
            self.local.db.execute("PRAGMA synchronous = OFF")
        return self.local.db

    def stock(self, bread):
        row = self.db().execute("SELECT stock FROM breads WHERE name = ?", (bread,)).fetchone()
        return row[0] if row else None

    def set_stock(self, bread, stock):
        self.db().execute("UPDATE breads SET stock = ? WHERE name = ?", (stock, bread))

    def sell(self, bread, count, customer):
        """Returns how many are left, and whether the bread was sold."""
        stock = self.stock(bread)
        sold = stock >= count
        if sold:
            charge(customer, count)
        self.db().execute(
            "INSERT INTO orders (customer, bread, count, result) VALUES (?, ?, ?, ?)",
            (customer, bread, count, "sold" if sold else "refused"),
        )
        if sold:
            stock = stock - count
            self.set_stock(bread, stock)
        return stock, sold

    def deliver(self, bread, count, batch):
        """Fresh bread came out of the oven."""
        stock = self.stock(bread)
        self.set_stock(bread, stock + count)
        return stock + count

    def orders(self):
        rows = self.db().execute("SELECT customer, bread, count, result FROM orders ORDER BY id").fetchall()
        return [{"customer": c, "bread": b, "count": n, "result": r} for c, b, n, r in rows]


class SoundWarehouse(Warehouse):
    """The same warehouse after somebody had looked at what happens when two customers come at once."""

    def sell(self, bread, count, customer):
        db = self.db()
        db.execute("BEGIN IMMEDIATE")
        try:
            lowered = db.execute("UPDATE breads SET stock = stock - ? WHERE name = ? AND stock >= ?", (count, bread, count))
            sold = lowered.rowcount == 1
            db.execute(
                "INSERT INTO orders (customer, bread, count, result) VALUES (?, ?, ?, ?)",
                (customer, bread, count, "sold" if sold else "refused"),
            )
            left = self.stock(bread)
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        if sold:
            charge(customer, count)
        return left, sold

    def deliver(self, bread, count, batch):
        db = self.db()
        db.execute("BEGIN IMMEDIATE")
        try:
            # The oven may report the same batch twice.
            if db.execute("INSERT OR IGNORE INTO deliveries VALUES (?)", (batch,)).rowcount == 1:
                db.execute("UPDATE breads SET stock = stock + ? WHERE name = ?", (count, bread))
            left = self.stock(bread)
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        return left


def post(url, body, headers=None, timeout=5):
    """POSTs and returns the answer's body; raises for anything but 2xx."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method="POST")
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return answer.read()


class Messages:
    """The topic on which wishes for bread are published, and the queue that hangs on it; plain HTTP, no SDK."""

    def __init__(self, endpoint, topic_arn, queue_url):
        self.endpoint, self.topic_arn, self.queue_url = endpoint, topic_arn, queue_url

    def wish(self, bread, count, customer):
        form = urllib.parse.urlencode(
            {
                "Action": "Publish",
                "Version": "2010-03-31",
                "TopicArn": self.topic_arn,
                "Subject": "bread wanted",
                "Message": json.dumps({"bread": bread, "count": count, "customer": customer}),
            }
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": AUTHORIZATION}
        post(self.endpoint, form.encode(), headers)

    def call(self, action, body, timeout=5):
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "AmazonSQS." + action,
            "Authorization": AUTHORIZATION,
        }
        return json.loads(post(self.endpoint, json.dumps(body).encode(), headers, timeout) or b"{}")

    def receive(self, wait):
        body = {"QueueUrl": self.queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait}
        return self.call("ReceiveMessage", body, timeout=10).get("Messages", [])

    def delete(self, message):
        self.call("DeleteMessage", {"QueueUrl": self.queue_url, "ReceiptHandle": message["ReceiptHandle"]})


class Baker(threading.Thread):
    """Looks into the queue twice a second, and orders all that is in there from the oven at once."""

    def __init__(self, messages, oven, address):
        super().__init__(daemon=True)
        self.messages, self.oven, self.address = messages, oven, address

    def run(self):
        while True:
            try:
                self.work()
            except OSError as error:
                print("baker:", error, flush=True)
                time.sleep(0.2)

    def work(self):
        time.sleep(0.5)
        wishes = self.messages.receive(wait=0)
        while wishes:
            for message in wishes:
                threading.Thread(target=self.handle, args=(message,), daemon=True).start()
            wishes = self.messages.receive(wait=0)

    def handle(self, message):
        try:
            self.order(message)
        except OSError as error:
            print("oven:", error, flush=True)
        self.messages.delete(message)

    def order(self, message):
        wish = json.loads(json.loads(message["Body"])["Message"])
        order = {
            "batch": wish["customer"],
            "bread": wish["bread"],
            "loaves": wish["count"],
            "tell": self.address + "/deliveries",
        }
        post(self.oven + "/bake", json.dumps(order).encode(), {"Content-Type": "application/json"})


class SoundBaker(Baker):
    """One wish after the other, and a wish is done when the oven has taken the order."""

    def work(self):
        for message in self.messages.receive(wait=1):
            try:
                self.order(message)
                self.messages.delete(message)
            except OSError as error:
                # The queue shows it again after a while.
                print("oven:", error, flush=True)


class Counter(BaseHTTPRequestHandler):
    """The shop's counter."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    warehouse = None
    messages = None

    def do_GET(self):
        if self.path == "/health":
            return self.answer(200, {"ok": True})
        if self.path == "/orders":
            return self.answer(200, self.warehouse.orders())
        if self.path.startswith("/breads/"):
            bread = urllib.parse.unquote(self.path[len("/breads/"):])
            left = self.warehouse.stock(bread)
            if left is not None:
                return self.answer(200, {"bread": bread, "left": left, "price": 4200})
        self.answer(404, {"error": "no such bread"})

    def do_PUT(self):
        bread = urllib.parse.unquote(self.path[len("/breads/"):])
        self.warehouse.set_stock(bread, self.body()["left"])
        self.answer(200, {"bread": bread, "left": self.warehouse.stock(bread)})

    def do_POST(self):
        try:
            wanted = self.body()
            if self.path == "/orders":
                return self.order(wanted["bread"], int(wanted["count"]), wanted["customer"])
            if self.path == "/deliveries":
                left = self.warehouse.deliver(wanted["bread"], int(wanted["loaves"]), wanted["batch"])
                return self.answer(200, {"left": left})
        except (KeyError, TypeError, ValueError) as error:
            return self.answer(400, {"error": repr(error)})
        self.answer(404, {"error": "nothing here"})

    def order(self, bread, count, customer):
        if count <= 0 or self.warehouse.stock(bread) is None:
            return self.answer(400, {"error": "no such bread, or no such number of it"})
        left, sold = self.warehouse.sell(bread, count, customer)
        if sold:
            return self.answer(200, {"result": "enjoy", "left": left, "count": count})
        self.messages.wish(bread, count, customer)
        self.answer(200, {"result": "sorry", "left": left, "count": count, "note": "we are baking more"})

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=8000)
    options.add_argument("--data", default="bakery.db", help="the warehouse's database")
    options.add_argument("--sound", action="store_true", help="the warehouse and the baker as they were mended")
    options = options.parse_args()
    environment = os.environ
    address = environment.get("SHOP_URL", "http://127.0.0.1:%d" % options.port)
    messages = Messages(environment["AWS_ENDPOINT_URL"], environment["TOPIC_ARN"], environment["QUEUE_URL"])
    Counter.warehouse = (SoundWarehouse if options.sound else Warehouse)(options.data)
    Counter.messages = messages
    # The oven bears four orders at once.
    bakers = [SoundBaker] * 3 if options.sound else [Baker]
    for baker in bakers:
        baker(messages, environment["OVEN_URL"], address).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Server(("127.0.0.1", options.port), Counter).serve_forever()


if __name__ == "__main__":
    main()
