// The handshake against what AWS's own plugin answered to the same requests.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { SessionCipher } from "../../src/ssm/cipher.ts";
import { answerChallenge, answerHandshake, isAbove } from "../../src/ssm/handshake.ts";
import { PAYLOAD, readFields } from "../../src/ssm/message.ts";
import { CONVERSATIONS, type Conversation, readConversation } from "../support/ssm-recorded.ts";

function payloads({ frames }: Conversation, type: number): Buffer[] {
  return frames.flatMap(({ message }) => (message.payloadType === type ? [message.payload] : []));
}

function noKey(): never {
  throw new Error("no key was to be made");
}

for (const name of CONVERSATIONS) {
  test(`answerHandshake() + answers as the plugin does: ${name}`, async () => {
    const conversation = readConversation(name);
    const [request = Buffer.alloc(0)] = payloads(conversation, PAYLOAD.handshakeRequest);
    const [theirs = Buffer.alloc(0)] = payloads(conversation, PAYLOAD.handshakeResponse);
    const isEncrypted = name.endsWith("kms");
    const answer = await answerHandshake(request, async (keyId) => {
      assert.ok(isEncrypted);
      assert.equal(keyId, "arn:aws:kms:eu-west-1:123456789012:key/recorded");
      return conversation;
    });
    assert.equal(answer.response.toString(), theirs.toString());
    assert.equal(answer.agentVersion, name.startsWith("plain") ? "3.0.196.0" : "3.3.3050.0");
    assert.equal(answer.failure, undefined);
    assert.equal(answer.cipher !== undefined, isEncrypted);
  });
}

for (const name of ["smux-kms", "plain-kms"] as const) {
  test(`SessionCipher + reads what the agent encrypted, and what the plugin did with the halves of the key exchanged: ${name}`, () => {
    const conversation = readConversation(name);
    const { frames, plaintext } = conversation;
    const ours = new SessionCipher(plaintext);
    const agents = new SessionCipher(
      Buffer.concat([plaintext.subarray(32), plaintext.subarray(0, 32)]),
    );
    const data = frames.filter(({ message }) => message.payloadType === PAYLOAD.output);
    assert.ok(data.length > 4);
    for (const { from, message } of data) {
      const cipher = from === "agent" ? ours : agents;
      assert.equal(cipher.decrypt(message.payload).length, message.payload.length - 28);
    }
    const [challenge = Buffer.alloc(0)] = payloads(conversation, PAYLOAD.challengeRequest);
    const [theirs = Buffer.alloc(0)] = payloads(conversation, PAYLOAD.challengeResponse);
    const opened = (answer: Buffer): string =>
      agents
        .decrypt(Buffer.from(String(readFields(answer)["Challenge"]), "base64"))
        .toString("hex");
    assert.equal(opened(answerChallenge(challenge, ours)), opened(theirs));
  });
}

test("SessionCipher + what was changed on its way is refused", () => {
  const cipher = new SessionCipher(Buffer.alloc(64));
  const sealed = cipher.encrypt(Buffer.from("data"));
  assert.equal(cipher.decrypt(sealed).toString(), "data");
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    assert.throws(() => cipher.decrypt(changed));
  }
  assert.throws(() => cipher.decrypt(sealed.subarray(0, 27)), /too short/);
  assert.throws(() => new SessionCipher(Buffer.alloc(32)), /another length/);
});

const REQUESTS: readonly (readonly [string, unknown, RegExp])[] = [
  [
    "a session of another type",
    [{ ActionType: "SessionType", ActionParameters: { SessionType: "Standard_Stream" } }],
    /session of type Standard_Stream/,
  ],
  [
    "a forwarding of another type",
    [
      {
        ActionType: "SessionType",
        ActionParameters: { SessionType: "Port", Properties: { type: "PortForwarding" } },
      },
    ],
    /forwards no port/,
  ],
  ["an action that is not known", [{ ActionType: "Dance" }], /asks for Dance/],
];
for (const [what, RequestedClientActions, message] of REQUESTS) {
  test(`answerHandshake() + ${what} is told to both`, async () => {
    const request = Buffer.from(
      JSON.stringify({ AgentVersion: "3.3.0.0", RequestedClientActions }),
    );
    const { failure, response } = await answerHandshake(request, noKey);
    assert.match(failure?.message ?? "", message);
    const { Errors, ProcessedClientActions } = readFields(response);
    assert.match(String(Errors), message);
    const [action] = ProcessedClientActions as readonly Readonly<Record<string, unknown>>[];
    assert.notEqual(action?.["ActionStatus"], 1);
  });
}

test("answerHandshake() + a key that KMS does not make is told to both", async () => {
  const { frames } = readConversation("smux-kms");
  const request = frames.find(({ message }) => message.payloadType === PAYLOAD.handshakeRequest);
  const denied = new Error("not allowed to call kms:GenerateDataKey");
  const { cipher, failure } = await answerHandshake(
    request?.message.payload ?? Buffer.alloc(0),
    async () => {
      throw denied;
    },
  );
  assert.equal(failure, denied);
  assert.equal(cipher, undefined);
});

test("isAbove() + compares four numbers, and takes nothing else", () => {
  for (const version of ["3.0.196.1", "3.0.197.0", "3.1.0.0", "4.0.0.0", "10.0.0.0"]) {
    assert.equal(isAbove(version, "3.0.196.0"), true, version);
  }
  for (const version of ["3.0.196.0", "3.0.195.9", "2.9.9.9", "", "3.1", "3.1.0.0.0", "3.1.x.0"]) {
    assert.equal(isAbove(version, "3.0.196.0"), false, version);
  }
});
