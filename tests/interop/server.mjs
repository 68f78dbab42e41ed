// SPDX-License-Identifier: Apache-2.0
// Starts the test server and knows where it listens; stop() drains it and wants a clean exit.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export async function start() {
  // Memory is measured: a sanitizer's quarantine must not count.
  const env = { ...process.env, ASAN_OPTIONS: "quarantine_size_mb=1:thread_local_quarantine_size_kb=64" };
  const child = spawn(process.env.SERVER, { stdio: ["ignore", "pipe", "inherit"], env });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, "line");
  const [, port, caFile] = /^listening (\d+) (.+)$/.exec(line);
  return {
    port,
    ca: readFileSync(caFile),
    address: `localhost:${port}`,
    url: `https://localhost:${port}`,
    signal: () => child.kill("SIGTERM"),
    kill: () => child.kill("SIGKILL"),
    exited,
    rssMiB() {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024;
    },
    async stop() {
      child.kill("SIGTERM");
      const [code, signal] = await exited;
      assert.deepEqual([code, signal], [0, null], "the server ended cleanly");
    },
  };
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
