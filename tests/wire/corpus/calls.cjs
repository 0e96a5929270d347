// grpc-js's client calls what record.py's own client calls; see there.
const grpc = require("@grpc/grpc-js");
const same = (bytes) => bytes;
const client = new grpc.Client(`127.0.0.1:${process.argv.at(-1)}`, grpc.credentials.createInsecure());
const unary = (method, message, seconds, metadata = new grpc.Metadata()) =>
  new Promise((done) => {
    const deadline = Date.now() + seconds * 1000;
    client.makeUnaryRequest(`/t.T/${method}`, same, same, message, metadata, { deadline }, (error) => {
      if (error) console.log(method, error.code);
      done();
    });
  });

async function main() {
  for (let n = 0; n < 5; n++) {
    const metadata = new grpc.Metadata();
    metadata.set("x-n", String(n));
    metadata.set("trace-bin", Buffer.alloc(n * 9, n));
    await unary("echo", Buffer.from("q".repeat(n)), 5 + n, metadata);
  }
  await unary("echo", Buffer.alloc(40960, 7), 5);
  await new Promise((done) => {
    const stream = client.makeBidiStreamRequest("/t.T/stream", same, same);
    stream.on("data", () => {});
    stream.on("end", done);
    stream.write(Buffer.from("s0"));
    stream.write(Buffer.from("s1"));
    stream.end();
  });
  await unary("fail", Buffer.from("f"), 5);
  await unary("hang", Buffer.from("h"), 0.2);
  await unary("none", Buffer.from("n"), 5);
  client.close();
}
main();
