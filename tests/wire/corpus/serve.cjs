// grpc-js's server answers as record.py's own engine does; see there.
const grpc = require("@grpc/grpc-js");
const same = (bytes) => bytes;
const method = (name, streams) => ({
  path: `/t.T/${name}`,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
const server = new grpc.Server();
server.addService(
  { echo: method("echo", false), stream: method("stream", true), fail: method("fail", false), hang: method("hang", false) },
  {
    echo(call, answer) {
      const trailers = new grpc.Metadata();
      trailers.set("t-bin", Buffer.from([0, 255]));
      trailers.set("n", String(call.request.length));
      answer(null, call.request, trailers);
    },
    stream(call) {
      call.on("data", (request) => {
        for (let n = 0; n < 3; n++) call.write(Buffer.concat([request, Buffer.from(String(n))]));
      });
      call.on("end", () => call.end());
    },
    fail: (call, answer) => answer({ code: grpc.status.INVALID_ARGUMENT, details: "nö, 100%" }),
    hang: () => {},
  },
);
server.bindAsync(`127.0.0.1:${process.argv.at(-1)}`, grpc.ServerCredentials.createInsecure(), () => {});
