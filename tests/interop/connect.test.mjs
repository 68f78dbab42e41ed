// SPDX-License-Identifier: Apache-2.0
// @connectrpc/connect-node against the test server: Connect and gRPC, both HTTPs, both encodings.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import { after, before, test } from "node:test";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { start } from "./server.mjs";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.env.SET)));
const service = registry.getService("watchfire.test.v1.TestService");
const detailType = registry.getMessage("watchfire.v1.ErrorDetail");

let server;
before(async () => { server = await start(); });
after(async () => { await server.stop(); });

const kinds = [
  { name: "gRPC", make: createGrpcTransport, options: {} },
  ...["1.1", "2"].flatMap((httpVersion) =>
    [true, false].flatMap((useBinaryFormat) =>
      [false, true].map((useHttpGet) => ({
        name: `Connect over HTTP/${httpVersion}, ${useBinaryFormat ? "proto" : "JSON"}${useHttpGet ? ", GET" : ""}`,
        make: createConnectTransport,
        options: { httpVersion, useBinaryFormat, useHttpGet },
      })))),
];

for (const kind of kinds) {
  test(kind.name, async (t) => {
    const nodeOptions = { ca: server.ca };
    const transport = kind.make({ baseUrl: server.url, nodeOptions, ...kind.options });
    const client = createClient(service, transport);

    await t.test("unary", async () => {
      const request = {
        text: "grüße 🔥", payload: new Uint8Array([0, 1, 255]),
        kinds: { anInt64: -5n, aUint64: 18446744073709551615n, words: { a: "b" }, aDouble: NaN,
                 at: { seconds: 1341026280n, nanos: 250000000 }, took: { seconds: -1n, nanos: -500000000 },
                 choice: { case: "raw", value: new Uint8Array([7]) }, byNumber: { 3: { name: "three" } } },
      };
      for (const method of ["echo", "read"]) {
        const r = await client[method](request);
        assert.equal(r.text, request.text);
        assert.deepEqual([...r.payload], [0, 1, 255]);
        assert.equal(r.kinds.aUint64, request.kinds.aUint64);
        assert.ok(Number.isNaN(r.kinds.aDouble));
        assert.equal(r.kinds.at.nanos, 250000000);
        assert.equal(r.kinds.took.seconds, -1n);
        assert.deepEqual([...r.kinds.choice.value], [7]);
        assert.equal(r.kinds.byNumber[3].name, "three");
      }
    });

    await t.test("response headers", async () => {
      let seen;
      await client.echo({}, { onHeader: (h) => { seen = h.get("x-test"); } });
      assert.equal(seen, "seen");
    });

    await t.test("streams of 5 and of 20000 messages", async () => {
      for (const count of [5, 20000]) {
        let n = 0;
        for await (const m of client.count({ count })) assert.equal(m.number, ++n);
        assert.equal(n, count);
      }
    });

    await t.test("an error with UTF-8 and details", async () => {
      const message = "Übergabe 100% — läuft 🔥\nzweite Zeile";
      const error = await client.fail({ code: 10, message, holder: "dana" }).catch((e) => e);
      assert.ok(error instanceof ConnectError);
      assert.equal(error.code, Code.Aborted);
      assert.equal(error.rawMessage, message);
      const [detail] = error.findDetails(detailType);
      assert.equal(detail.holder, "dana");
      assert.equal(detail.reason, "ASKED_TO");
    });

    await t.test("every code", async () => {
      for (let code = 1; code <= 16; code++) {
        const error = await client.fail({ code, message: "m" }).catch((e) => e);
        assert.equal(error.code, code);
      }
    });

    await t.test("a stream that fails half-way", async () => {
      let n = 0;
      const error = await (async () => {
        for await (const m of client.failStream({ code: 15, message: "lost", after: 3 })) n = m.number;
      })().catch((e) => e);
      assert.equal(n, 3);
      assert.equal(error.code, Code.DataLoss);
      assert.equal(error.rawMessage, "lost");
    });

    await t.test("deadline and cancel", async () => {
      const late = await client.sleep({}, { timeoutMs: 100 }).catch((e) => e);
      assert.equal(late.code, Code.DeadlineExceeded);
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 50);
      const gone = await client.sleep({}, { signal: abort.signal }).catch((e) => e);
      assert.equal(gone.code, Code.Canceled);
      const { givenUp } = await client.sleep({ ms: 20 });
      assert.ok(givenUp >= 1);
    });

    await t.test("oversize", async () => {
      const error = await client.echo({ payload: new Uint8Array(1024 * 1024 + 1) }).catch((e) => e);
      assert.equal(error.code, Code.ResourceExhausted);
      assert.equal((await client.echo({ text: "alive" })).text, "alive");
    });
  });
}

test("Connect, 300 calls at once over HTTP/2", async () => {
  const transport = createConnectTransport({ baseUrl: server.url, httpVersion: "2", nodeOptions: { ca: server.ca } });
  const client = createClient(service, transport);
  const all = await Promise.all(Array.from({ length: 300 }, (_, i) => client.echo({ text: `${i}` })));
  assert.deepEqual(all.map((r) => r.text), all.map((_, i) => `${i}`));
});

// What no client library sends: a deadline that only the server keeps, and odd requests.
const post = (path, headers, body, method = "POST") =>
  new Promise((resolve, reject) => {
    const request = https.request(`${server.url}${path}`, { method, headers, ca: server.ca, agent: false }, (res) => {
      let text = "";
      res.on("data", (d) => { text += d; });
      res.on("end", () => resolve({ status: res.statusCode, headers: res.headers, text }));
    });
    request.on("error", reject);
    request.end(body);
  });
const path = "/watchfire.test.v1.TestService/";
const json = { "content-type": "application/json" };

test("the server keeps a deadline by itself", async () => {
  const r = await post(`${path}Sleep`, { ...json, "connect-timeout-ms": "80" }, "{}");
  assert.equal(r.status, 504);
  assert.equal(JSON.parse(r.text).code, "deadline_exceeded");
  const session = http2.connect(server.url, { ca: server.ca });
  const stream = session.request({
    ":method": "POST", ":path": `${path}Sleep`, "content-type": "application/grpc", te: "trailers", "grpc-timeout": "80m",
  });
  const headers = new Promise((resolve) => stream.once("response", resolve));
  stream.end(Buffer.alloc(5));
  assert.equal((await headers)["grpc-status"], "4");
  stream.close();
  session.close();
});

test("HTTP statuses of what is no call", async () => {
  assert.equal((await post(`${path}Nope`, json, "{}")).status, 404);
  assert.equal((await post(`${path}Echo`, { "content-type": "text/xml" }, "{}")).status, 415);
  assert.equal((await post(`${path}Echo`, json, "{}", "PUT")).status, 405);
  assert.equal((await post(`${path}Echo`, json, "{}", "PUT")).headers.allow, "POST");
  assert.equal((await post(`${path}Echo`, { ...json, "content-encoding": "gzip" }, "{}")).status, 501);
  assert.equal((await post(`${path}Echo`, json, "{\"x\":1}")).status, 400);
});
