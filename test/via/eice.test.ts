// The loopback port that ssh connects to on its way to an EC2 Instance Connect Endpoint.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { test } from "node:test";

import { eiceCarrier } from "../../src/via/eice.ts";
import { closed } from "../support/listen.ts";
import { temporaryDirectory } from "../support/keep.ts";

const skip = process.platform === "win32" && "ssh+eice:// does not work on Windows";

test("eiceCarrier() carries ssh alone, whoever else connects before", { skip }, async (t) => {
  let dials = 0;
  const service = {
    endpoint: "eice-1 in vpc-1",
    sendPublicKey: async () => {},
    dial: async () => {
      dials += 1;
      throw new Error("no tunnel today");
    },
  };
  const carrier = eiceCarrier("i-1", service, 5_000);
  const carriage = await carrier.prepare(await temporaryDirectory("eice"));
  t.after(() => carriage[Symbol.asyncDispose]());
  const port = Number(carriage.settings.find((each) => each.startsWith("Port="))?.slice(5));
  const open = async (text: string): Promise<Socket> => {
    const socket = connect({ host: "127.0.0.1", port }).on("error", () => {});
    await once(socket, "connect");
    socket.write(text);
    return socket.resume();
  };
  const silent = await open("");
  await closed(await open("GET / HTTP/1.1\r\n\r\n"));
  assert.equal(dials, 0);
  await closed(await open("SSH-2.0-OpenSSH_9.2\r\n"));
  assert.equal(dials, 1);
  assert.match(carrier.reason()?.message ?? "", /eice-1 in vpc-1 opened no tunnel/);
  await closed(silent);
  await assert.rejects(once(connect({ host: "127.0.0.1", port }), "connect"), {
    code: "ECONNREFUSED",
  });
});
