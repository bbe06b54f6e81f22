import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { readElement, startLdap } from "../../scripts/bench/ldap.ts";

// RFC 4511 section 4.2: message 1, version 3, name "ann", simple password "open".
const BIND = Buffer.from(
  "301302010160 0e 020103 0403616e6e 80046f70656e".replaceAll(" ", ""),
  "hex",
);
const UNBIND = Buffer.from("30050201024200", "hex");

async function ask(request: Buffer, password = "open"): Promise<string> {
  await using ldap = await startLdap((name, given) => name === "ann" && given === password);
  const socket = connect({ host: "127.0.0.1", port: ldap.port, noDelay: true });
  await once(socket, "connect");
  socket.write(request);
  const [answer] = (await once(socket, "data")) as [Buffer];
  const ended = once(socket, "close");
  socket.resume();
  socket.write(UNBIND);
  await ended;
  return answer.toString("hex");
}

describe("startLdap()", () => {
  test("answers success to the right password", async () => {
    assert.equal(await ask(BIND), "300c02010161070a010004000400");
  });

  test("answers invalidCredentials to a wrong one", async () => {
    assert.equal(await ask(BIND, "shut"), "300c02010161070a013104000400");
  });

  test("reads a password with a length of more than one byte", async () => {
    const password = "x".repeat(700);
    const authentication = Buffer.concat([Buffer.from("808202bc", "hex"), Buffer.from(password)]);
    const request = Buffer.concat([Buffer.from("0201030403616e6e", "hex"), authentication]);
    const header = Buffer.from([
      0x60,
      0x82,
      Math.floor(request.length / 256),
      request.length % 256,
    ]);
    const content = Buffer.concat([Buffer.from("020101", "hex"), header, request]);
    const length = [0x30, 0x82, Math.floor(content.length / 256), content.length % 256];
    const answer = await ask(Buffer.concat([Buffer.from(length), content]), password);
    assert.equal(answer, "300c02010161070a010004000400");
  });
});

describe("readElement()", () => {
  test("waits for the last byte", () => {
    for (let length = 0; length < BIND.length; length += 1) {
      assert.equal(readElement(BIND.subarray(0, length)), undefined, `${length} bytes`);
    }
    assert.equal(readElement(Buffer.concat([BIND, UNBIND]))?.size, BIND.length);
  });
});
