// grpc-js carries out the calls it reads, a JSON line each, and writes what it got, a JSON line each.
"use strict";
const [, , library, address] = process.argv;
const grpc = require(library);
const { createHash } = require("crypto");
const lines = require("readline").createInterface({ input: process.stdin });

const pattern = Buffer.from(Array.from({ length: 251 }, (_, n) => n));
const whole = (ask) =>
  typeof ask === "number" ? Buffer.alloc(ask, pattern) : typeof ask === "string" ? Buffer.from(ask) : Buffer.from(ask.b64, "base64");
const digest = (message) => `${message.length}:${createHash("sha256").update(message).digest("hex").slice(0, 16)}`;
const same = (bytes) => bytes;
const encodings = { gzip: grpc.compressionAlgorithms.gzip, deflate: grpc.compressionAlgorithms.deflate };

const clients = {};
function client(compression) {
  // grpc-js compresses by channel.
  if (!clients[compression]) {
    const options = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1, "grpc.enable_retries": 0 };
    options["grpc.use_local_subchannel_pool"] = 1;
    if (compression) options["grpc.default_compression_algorithm"] = encodings[compression];
    clients[compression] = new grpc.Client(address, grpc.credentials.createInsecure(), options);
  }
  return clients[compression];
}

function listed(metadata) {
  const pairs = [];
  for (const name of Object.keys(metadata ? metadata.getMap() : {}))
    for (const value of metadata.get(name)) pairs.push([name, name.endsWith("-bin") ? value.toString("base64") : value]);
  return pairs;
}

let ongoing = null;
function run(order, done) {
  const metadata = new grpc.Metadata();
  for (const [name, value] of order.metadata) metadata.add(name, typeof value === "string" ? value : Buffer.from(value.b64, "base64"));
  const options = order.timeout_s === null ? {} : { deadline: Date.now() + order.timeout_s * 1000 };
  const got = { initial: [], replies: [], code: 0, details: "", trailing: [] };
  const asks = order.asks.map(whole);
  const streams = order.arity === "input" || order.arity === "both";
  let next = 0;
  const send = () => {
    if (!streams) return;
    while (next < asks.length) {
      ongoing.write(asks[next++]);
      if (order.lockstep) break;
    }
    if (next === asks.length && !order.holds && !(order.lockstep && got.replies.length < asks.length)) ongoing.end();
  };
  const reply = (message) => {
    got.replies.push(digest(message));
    if (got.replies.length === order.cancel_after) ongoing.cancel();
    else if (order.lockstep) send();
  };
  const answered = (error, message) => { if (!error) reply(message); };
  const how = [order.path, same, same];
  const stub = client(order.compression);
  if (order.arity === "unary") ongoing = stub.makeUnaryRequest(...how, asks[0], metadata, options, answered);
  else if (order.arity === "output") ongoing = stub.makeServerStreamRequest(...how, asks[0], metadata, options);
  else if (order.arity === "input") ongoing = stub.makeClientStreamRequest(...how, metadata, options, answered);
  else ongoing = stub.makeBidiStreamRequest(...how, metadata, options);
  ongoing.on("metadata", (initial) => { got.initial = listed(initial); if (order.first) send(); });
  ongoing.on("error", () => {});
  if (order.arity === "output" || order.arity === "both") ongoing.on("data", reply);
  ongoing.on("status", (status) => {
    got.code = status.code;
    got.details = status.details === "OK" && status.code === 0 ? "" : status.details;
    got.trailing = listed(status.metadata);
    // A unary reply is handed over right after its status.
    setImmediate(() => { ongoing = null; done(got); });
  });
  if (!order.first) send();
}

const orders = [];
let busy = false;
let over = false;
function turn() {
  if (busy) return;
  if (!orders.length) {
    if (over) Object.values(clients).forEach((one) => one.close());
    return;
  }
  busy = true;
  run(orders.shift(), (got) => { busy = false; process.stdout.write(JSON.stringify(got) + "\n"); turn(); });
}
lines.on("line", (line) => {
  const order = JSON.parse(line);
  if (order === "cancel") ongoing && ongoing.cancel();
  else { orders.push(order); turn(); }
});
lines.on("close", () => { over = true; turn(); });
