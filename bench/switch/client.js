// Callers by grpc-js, an implementation of its own: `node client.js PART`. Records go out as bench/switch/records.py has them.
"use strict";
const fs = require("fs");
const told = JSON.parse(fs.readFileSync(process.argv[2]));
const part = told.part;
const grpc = require(told.library);

const SERVICE = "/inference.GRPCInferenceService";
const OK = 0;
const AGAIN_MS = 50;
const offset = BigInt(told.offset); // makes the wall clock's time of the monotonic clock, which Node tells exactly
const now = () => process.hrtime.bigint() + offset;
const same = (bytes) => bytes;
const out = fs.createWriteStream(part.file);
// Nanoseconds do not fit a double: they are put in as text.
const note = (what, record) =>
  out.write(JSON.stringify({ what, ...record }, (_, value) => (typeof value === "bigint" ? `ns${value}` : value)).replace(/"ns(\d+)"/g, "$1") + "\n");

let over = false;
let ids = 0;
const pauses = new Set(); // cut short at the end
function pause(ms) {
  return new Promise((go) => {
    const done = () => { clearTimeout(timer); pauses.delete(done); go(); };
    const timer = setTimeout(done, ms);
    pauses.add(done);
    if (over) done();
  });
}
const short = () => 1000 * (told.pause_s[0] + Math.random() * (told.pause_s[1] - told.pause_s[0]));

// A protobuf message may have its fields in any order: the id goes behind the others.
function withId(raw, id) {
  return Buffer.concat([raw, Buffer.from([0x1a, id.length]), Buffer.from(id)]);
}

class Reply {
  constructor(kind, caller, turn) {
    const requests = told.requests[kind];
    const { raw, asked } = requests[turn % requests.length];
    this.id = `${part.ids}-${ids++}`;
    this.raw = withId(Buffer.from(raw, "base64"), this.id);
    this.record = { client: part.client, kind, caller, id: this.id, began: now(), last: 0, ended: 0, names: [], got: 0, asked };
  }
  came(message) {
    const found = /(baseline|candidate) \d+ /.exec(message.toString("latin1"));
    const name = found ? found[1] : "?";
    this.record.last = now();
    this.record.got++;
    if (!this.record.names.includes(name)) this.record.names.push(name);
  }
  get whole() { return this.record.got >= this.record.asked; }
  end(code, error) { note("call", { ...this.record, ended: now(), code, error: code === OK ? "" : error }); }
}

function client() {
  const options = { "grpc.use_local_subchannel_pool": 1 };
  if (!part.ca) return new grpc.Client(part.address, grpc.credentials.createInsecure(), options);
  // An address is no server name: the certificate's is said instead.
  Object.assign(options, { "grpc.ssl_target_name_override": "localhost", "grpc.default_authority": "localhost" });
  return new grpc.Client(part.address, grpc.credentials.createSsl(fs.readFileSync(part.ca)), options);
}

async function unary(stub, caller) {
  while (!over) {
    const reply = new Reply("unary", caller, 0);
    await new Promise((done) => {
      const options = { deadline: Date.now() + told.limit_s * 1000 };
      stub.makeUnaryRequest(`${SERVICE}/ModelInfer`, same, same, reply.raw, new grpc.Metadata(), options, (error, message) => {
        if (message) reply.came(message);
        reply.end(error ? error.code : OK, error ? error.details : "");
        done();
      });
    });
    await pause(short());
  }
}

async function brief(stub, caller) {
  while (!over) {
    const reply = new Reply("brief", caller, 0);
    await new Promise((done) => {
      const options = { deadline: Date.now() + told.limit_s * 1000 };
      const call = stub.makeBidiStreamRequest(`${SERVICE}/ModelStreamInfer`, same, same, new grpc.Metadata(), options);
      call.on("data", (message) => reply.came(message));
      call.on("error", () => {});
      call.on("status", (status) => { reply.end(status.code, status.details); done(); });
      call.write(reply.raw);
      call.end();
    });
    await pause(short());
  }
}

// Streams held one after the other; each message is a request.
async function held(stub, caller) {
  let turn = 0;
  while (!over) {
    const call = stub.makeBidiStreamRequest(`${SERVICE}/ModelStreamInfer`, same, same, new grpc.Metadata(), {});
    const names = new Set();
    let reply = null;
    let status = null;
    let wake = () => {};
    const news = () => new Promise((go) => { wake = go; });
    call.on("data", (message) => { if (reply) reply.came(message); wake(); });
    call.on("error", () => {});
    call.on("status", (given) => { status = given; status.at = now(); wake(); });
    while (!over && !status) {
      reply = new Reply("held", caller, turn++);
      call.write(reply.raw);
      while (!reply.whole && !status) await news();
      reply.record.names.forEach((name) => names.add(name));
      if (!reply.whole) break;
      reply.end(OK, "");
      reply = null;
      await Promise.race([pause(short()), news()]);
    }
    if (!status) call.end();
    while (!status) await news();
    if (reply) reply.end(status.code, status.details);
    note("ending", {
      client: part.client, caller, at: status.at, code: status.code, error: status.code === OK ? "" : status.details,
      names: [...names], pending: reply ? reply.id : "", got: reply ? reply.record.got : 0,
    });
    if (status.code !== OK) await pause(AGAIN_MS);
  }
}

const working = [];
const stubs = [];
for (let number = 0; number < part.channels; number++) {
  const stub = client();
  stubs.push(stub);
  for (let each = 0; each < part.unary; each++) working.push(unary(stub, `${number}`));
  for (let each = 0; each < part.brief; each++) working.push(brief(stub, `${number}`));
  for (let each = 0; each < part.held; each++) working.push(held(stub, `${part.client}-${number}-${each}`));
}
process.on("SIGTERM", () => {
  over = true;
  [...pauses].forEach((done) => done());
});
Promise.all(working).then(() => {
  stubs.forEach((stub) => stub.close());
  out.end();
});
