// What copy() does with a reader that waits.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { copy } from "../../src/proxy/copy.ts";

const SIZE = 32 * 1024 * 1024; // more than the kernel and copy() hold

async function pair(): Promise<readonly [near: Socket, far: Socket]> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const far = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [near] = (await once(server, "connection")) as [Socket];
  server.close();
  return [near, far];
}

for (const from of ["backend", "frontend"] as const) {
  test(`copy() holds a ${from} up while the other side reads nothing, and goes on when it does`, async () => {
    const [[frontend, client], [backend, server]] = await Promise.all([pair(), pair()]);
    const none = Buffer.alloc(0);
    const copied = copy({ frontend, backend, fromFrontend: none, fromBackend: none });
    const [sender, source, target, reader] =
      from === "backend"
        ? [server, backend, frontend, client]
        : [client, frontend, backend, server];
    sender.end(Buffer.alloc(SIZE, 7));
    while (!source.isPaused()) await once(source, "data");
    assert.ok(target.writableLength < SIZE / 2);
    let read = 0;
    reader.on("data", (chunk: Buffer) => (read += chunk.length));
    await once(reader, "end");
    assert.equal(read, SIZE);
    reader.end();
    await copied;
  });
}
