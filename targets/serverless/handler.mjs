// The handlers of a small bakery. What it knows it keeps in the memory of the process, which the emulator is told to share among its functions; on
// AWS that would be a table, with the same conditional decrement and the same set of batches that were told of.
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

const books = (globalThis.bakery ??= { left: new Map([["rye", 0]]), orders: [], told: new Set() });
// Version 3 of the SDK takes AWS_ENDPOINT_URL from the environment by itself.
const topic = new SNSClient({});

const answer = (statusCode, body) => ({ statusCode, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

// Every request of the HTTP API.
export async function shop(event) {
  const { method, path } = event.requestContext.http;
  const [, place, bread] = path.split("/");
  const body = event.body ? JSON.parse(event.body) : {};
  switch (`${method} /${place}`) {
    case "GET /health":
      return answer(200, {});
    case "GET /orders":
      return answer(200, books.orders);
    case "GET /breads":
    case "PUT /breads":
      if (!books.left.has(bread)) return answer(404, { message: "no such bread" });
      if (method === "PUT") books.left.set(bread, body.left);
      return answer(200, { bread, left: books.left.get(bread) });
    case "POST /orders":
      return sell(body);
    case "POST /deliveries":
      return takeIn(body);
    default:
      return answer(404, { message: "not here" });
  }
}

async function sell({ bread, count, customer }) {
  if (!books.left.has(bread)) return answer(404, { message: "no such bread" });
  if (!Number.isInteger(count) || count < 1 || count > 1000) return answer(400, { message: "count must be a whole number from 1 to 1000" });
  const left = books.left.get(bread);
  if (left < count) {
    // Asked for before the customer is told, so that nobody is promised what nobody bakes.
    await topic.send(new PublishCommand({ TopicArn: process.env.TOPIC_ARN, Message: JSON.stringify({ bread, count, customer }) }));
    return answer(200, { result: "sorry", bread, count, left });
  }
  books.left.set(bread, left - count);
  books.orders.push({ customer, bread, count, result: "sold" });
  return answer(200, { result: "enjoy", bread, count, left: left - count });
}

// Bread comes from the oven; a batch that was told of before adds nothing.
function takeIn({ bread, loaves, batch }) {
  if (!books.told.has(batch)) {
    books.told.add(batch);
    books.left.set(bread, books.left.get(bread) + loaves);
  }
  return answer(200, { left: books.left.get(bread) });
}

// A message of the queue: done when the oven has taken the order. A handler that throws keeps its message, on AWS and under the emulator alike; the
// finer answer, `batchItemFailures`, is one that serverless-offline-sqs does not read: it would delete what failed.
export async function baker(event) {
  for (const record of event.Records) {
    const { bread, count, customer } = JSON.parse(JSON.parse(record.body).Message);
    const order = { bread, loaves: count, batch: customer, tell: `${process.env.SHOP_URL}/deliveries` };
    const headers = { "content-type": "application/json" };
    const taken = await fetch(`${process.env.OVEN_URL}/bake`, { method: "POST", headers, body: JSON.stringify(order) });
    if (!taken.ok) throw new Error(`${customer}: the oven answered ${taken.status}`);
  }
}
