// nodejs-order-book on our files; see benches/book/src/files.rs for what they hold.
import { readFileSync } from "node:fs";
import { OrderBook } from "nodejs-order-book";

const HEAD = 5;
const WARM_UPS = 1;

/** Messages as the library wants them: made beforehand, so that only its own work is timed. */
function read(path) {
  const bytes = readFileSync(path);
  const word = (at) => bytes.readBigUInt64LE(at * 8);
  const messages = [];
  for (let at = HEAD; at < bytes.length / 8; at += 4) {
    const kind = Number(word(at) & 0xffn);
    const side = word(at) >> 8n === 0n ? "buy" : "sell";
    const [id, price, size] = [String(word(at + 1)), Number(word(at + 2)), Number(word(at + 3))];
    messages.push({ kind, order: { id, side, price, size, timeInForce: kind === 1 ? "IOC" : "GTC" } });
  }
  return { filling: Number(word(0)), timed: Number(word(1)), messages };
}

function apply(book, { kind, order }) {
  if (kind >= 2) book.cancel(order.id);
  if (kind === 2) return 0;
  const result = book.limit(order);
  return order.size - result.quantityLeft;
}

function run({ filling, messages }) {
  const book = new OrderBook();
  for (let at = 0; at < filling; at++) apply(book, messages[at]);
  let quantity = 0;
  const start = process.hrtime.bigint();
  const busy = process.cpuUsage();
  for (let at = filling; at < messages.length; at++) quantity += apply(book, messages[at]);
  const { user, system } = process.cpuUsage(busy);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  return `${seconds} ${(user + system) / 1e6} - ${quantity} -`;
}

for (const path of process.argv.slice(2)) {
  const file = read(path);
  for (let round = 0; round < WARM_UPS; round++) run(file);
  console.log(`peer ${path} ${file.timed} ${run(file)}`);
}
