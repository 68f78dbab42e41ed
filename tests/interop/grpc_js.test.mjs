// SPDX-License-Identifier: Apache-2.0
// @grpc/grpc-js against the test server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import { sleep, start } from "./server.mjs";

const proto = (file, dir) =>
  grpc.loadPackageDefinition(loader.loadSync(file, { includeDirs: [dir], keepCase: true, longs: String, enums: String }));
const { TestService } = proto("watchfire/test/v1/test.proto", process.env.PROTO).watchfire.test.v1;
const { Health } = proto("grpc/health/v1/health.proto", process.env.GRPC_PROTO).grpc.health.v1;

let server, client;
before(async () => {
  server = await start();
  client = connect(server);
});
after(async () => {
  client.close();
  await server.stop();
});

function connect(s, Service = TestService) {
  return new Service(s.address, grpc.credentials.createSsl(s.ca));
}

const call = (c, method, request, options = {}) =>
  new Promise((resolve, reject) => {
    const deadline = options.ms ? { deadline: Date.now() + options.ms } : {};
    c[method](request, deadline, (error, response) => (error ? reject(error) : resolve(response)));
  });

async function readAll(stream) {
  let n = 0;
  for await (const message of stream) assert.equal(message.number, ++n);
  return n;
}

test("unary, every kind of field", async () => {
  const kinds = {
    an_int64: "-9223372036854775808", a_uint64: "18446744073709551615", a_double: 0.1, a_bool: true,
    colour: "COLOUR_GREEN", a_string: "grüße 🔥", int32s: [1, -2], words: { a: "b" }, at: { seconds: "7", nanos: 9 },
    inner: { name: "x", deeper: [{ yes: true }] }, number: "5",
  };
  const r = await call(client, "Echo", { text: "hé", kinds, payload: Buffer.from([0, 255]) });
  assert.equal(r.text, "hé");
  assert.equal(r.kinds.a_uint64, kinds.a_uint64);
  assert.equal(r.kinds.an_int64, kinds.an_int64);
  assert.equal(r.kinds.a_string, kinds.a_string);
  assert.deepEqual(r.kinds.words, kinds.words);
  assert.equal(r.kinds.number, "5");
  assert.deepEqual([...r.payload], [0, 255]);
});

test("server streams of 5 and of 20000 messages", async () => {
  assert.equal(await readAll(client.Count({ count: 5 })), 5);
  assert.equal(await readAll(client.Count({ count: 20000, size: 20 })), 20000);
});

test("a slow reader holds the server back, not its memory", async () => {
  const count = 64 * 1024;
  const before = server.rssMiB();
  const stream = client.Count({ count, size: 1024 });
  await sleep(200);
  let n = 0, most = 0;
  for await (const message of stream) {
    assert.equal(message.number, ++n);
    if (n % 16384 === 0) {
      await sleep(100);
      most = Math.max(most, server.rssMiB());
      assert.equal((await call(client, "Echo", { text: "meanwhile" })).text, "meanwhile");
    }
  }
  assert.equal(n, count);
  assert.ok(most - before < 24, `grew by ${most - before} MiB for a stream of 64 MiB`);
});

test("an error with UTF-8 and details", async () => {
  const message = "Übergabe 100% — läuft 🔥\nzweite Zeile";
  const error = await call(client, "Fail", { code: 9, message, holder: "dana" }).catch((e) => e);
  assert.equal(error.code, grpc.status.FAILED_PRECONDITION);
  assert.equal(error.details, message);
  const [details] = error.metadata.get("grpc-status-details-bin");
  assert.ok(details.includes("type.googleapis.com/watchfire.v1.ErrorDetail"));
  assert.ok(details.includes("dana"));
  assert.deepEqual(error.metadata.get("x-test"), ["seen"]);
});

test("every status code", async () => {
  for (let code = 1; code <= 16; code++) {
    const error = await call(client, "Fail", { code, message: `code ${code}` }).catch((e) => e);
    assert.equal(error.code, code);
    assert.equal(error.details, `code ${code}`);
  }
});

test("a stream that fails half-way", async () => {
  const stream = client.FailStream({ code: 15, message: "lost", after: 3 });
  const error = await readAll(stream).catch((e) => e);
  assert.equal(error.code, grpc.status.DATA_LOSS);
  assert.equal(error.details, "lost");
});

test("the client's deadline ends the call on the server, too", async () => {
  const before = (await call(client, "Sleep", { ms: 1 })).given_up;
  const error = await call(client, "Sleep", {}, { ms: 150 }).catch((e) => e);
  assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
  for (let i = 0; (await call(client, "Sleep", { ms: 1 })).given_up === before; i++) {
    assert.ok(i < 100, "the server never noticed");
    await sleep(20);
  }
});

test("cancel reaches the server", async () => {
  const before = (await call(client, "Sleep", { ms: 1 })).given_up;
  const cancelled = new Promise((resolve) => {
    const c = client.Sleep({}, (error) => resolve(error));
    setTimeout(() => c.cancel(), 50);
  });
  assert.equal((await cancelled).code, grpc.status.CANCELLED);
  for (let i = 0; (await call(client, "Sleep", { ms: 1 })).given_up === before; i++) {
    assert.ok(i < 100, "the server never noticed");
    await sleep(20);
  }
  const stream = client.Count({ count: 1000000, size: 1000 });
  const error = await new Promise((resolve) => {
    stream.on("error", resolve);
    stream.once("data", () => stream.cancel());
  });
  assert.equal(error.code, grpc.status.CANCELLED);
  assert.equal((await call(client, "Echo", { text: "alive" })).text, "alive");
});

test("300 calls at once", async () => {
  const all = Array.from({ length: 300 }, (_, i) => call(client, "Echo", { text: `${i}` }, { ms: 20000 }));
  assert.deepEqual((await Promise.all(all)).map((r) => r.text), all.map((_, i) => `${i}`));
  const sleepers = Array.from({ length: 300 }, () => call(client, "Sleep", { ms: 20 }, { ms: 20000 }));
  assert.equal((await Promise.all(sleepers)).length, 300);
});

test("oversize is refused and the connection goes on", async () => {
  const fits = await call(client, "Echo", { payload: Buffer.alloc(1024 * 1024 - 64) });
  assert.equal(fits.payload.length, 1024 * 1024 - 64);
  for (const size of [1024 * 1024 + 1, 8 * 1024 * 1024]) {
    const error = await call(client, "Echo", { payload: Buffer.alloc(size) }, { ms: 10000 }).catch((e) => e);
    assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /at most 1048576/);
  }
  const answer = await call(client, "Echo", { response_size: 5 * 1024 * 1024 }).catch((e) => e);
  assert.equal(answer.code, grpc.status.RESOURCE_EXHAUSTED);
  assert.equal((await call(client, "Echo", { text: "alive" })).text, "alive");
});

test("both directions", async () => {
  const chat = client.Chat();
  const answers = [];
  for (const text of ["a", "b", "c"]) {
    const answer = new Promise((resolve) => chat.once("data", resolve));
    chat.write({ text });
    answers.push((await answer).text);
  }
  assert.deepEqual(answers, ["a", "b", "c"]);
  const ended = new Promise((resolve) => chat.on("status", resolve));
  chat.on("data", () => assert.fail("one message too many"));
  chat.end();
  assert.equal((await ended).code, grpc.status.OK);
});

test("unknown methods and services", async () => {
  const unknown = (path) =>
    new Promise((resolve) =>
      client.makeUnaryRequest(path, (b) => b, (b) => b, Buffer.alloc(0), (error) => resolve(error)));
  for (const path of ["/watchfire.test.v1.TestService/Nope", "/no.such.Service/Nope"])
    assert.equal((await unknown(path)).code, grpc.status.UNIMPLEMENTED);
});

test("health: check, watch, and a drain that lets streams finish", async (t) => {
  const s = await start();
  const health = connect(s, Health);
  const c = connect(s);
  t.after(() => {
    health.close();
    c.close();
    s.kill();
  });
  assert.equal((await call(health, "Check", {})).status, "SERVING");
  assert.equal((await call(health, "Check", { service: "watchfire.test.v1.TestService" })).status, "SERVING");
  assert.equal((await call(health, "Check", { service: "x" }).catch((e) => e)).code, grpc.status.NOT_FOUND);
  const seen = [];
  const watching = new Promise((resolve) => {
    const watch = health.Watch({});
    watch.on("data", (m) => seen.push(m.status));
    watch.on("error", resolve);
  });
  const slow = call(c, "Sleep", { ms: 700 });
  const stream = c.Count({ count: 30000, size: 1000 });
  await sleep(300);
  s.signal();
  assert.equal(await readAll(stream), 30000);
  await slow;
  assert.equal((await watching).code, grpc.status.UNAVAILABLE);
  assert.deepEqual(seen, ["SERVING", "NOT_SERVING"]);
  assert.deepEqual(await s.exited, [0, null]);
  const late = await call(c, "Echo", {}, { ms: 3000 }).catch((e) => e);
  assert.equal(late.code, grpc.status.UNAVAILABLE);
});
