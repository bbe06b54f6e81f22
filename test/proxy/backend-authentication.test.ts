// The answers to a backend's Authentication requests, against the proxy's own server side of SCRAM and known MD5 values.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  encodeAuthenticationDigest,
  readDigestResponse,
} from "../../src/protocol/authentication.ts";
import { MessageError } from "../../src/protocol/message.ts";
import {
  readSaslInitialResponse,
  readServerFirst,
  readServerSignature,
} from "../../src/protocol/scram-message.ts";
import {
  answerWithPassword,
  authenticate,
  loginLimit,
} from "../../src/proxy/backend-authentication.ts";
import { scramVerifier, startScram } from "../../src/proxy/scram.ts";

const UNBOUND = { endPoint: undefined, isBound: false };

function request(code: number, data: string | Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeInt32BE(code);
  return Buffer.concat([head, Buffer.from(data)]);
}

/** The body of a message that was encoded with its type and length. */
function body(message: Buffer | undefined): Buffer {
  assert.ok(message !== undefined);
  return message.subarray(5);
}

function login(password: string, user = "app_ro") {
  return answerWithPassword({ user, password: async () => password });
}

async function scram(known: string, tried: string, tamper = (text: string): string => text) {
  const answers = login(tried);
  const initial = await answers.answer("AuthenticationSASL", request(10, "SCRAM-SHA-256\0\0"));
  const response = readSaslInitialResponse(body(initial));
  assert.equal(response?.mechanism, "SCRAM-SHA-256");
  const exchange = startScram(scramVerifier(known, 4096), response.data, UNBOUND);
  assert.ok(exchange !== undefined && exchange !== "downgraded");
  const final = await answers.answer(
    "AuthenticationSASLContinue",
    request(11, exchange.serverFirst),
  );
  const serverFinal = exchange.verify(body(final).toString("latin1"));
  if (serverFinal !== undefined) {
    await answers.answer("AuthenticationSASLFinal", request(12, tamper(serverFinal)));
  }
  return { answers, isAccepted: serverFinal !== undefined };
}

describe("answerWithPassword()", () => {
  test("SCRAM: any password is proven, and the server's proof is checked", async () => {
    const word = fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(..."aZ0 ~\\'%;") });
    await fc.assert(
      fc.asyncProperty(word, async (password) => {
        const { answers, isAccepted } = await scram(password, password);
        assert.ok(isAccepted);
        assert.ok(answers.isDone());
      }),
      { numRuns: 20 },
    );
  });

  test("SCRAM: a wrong password is not proven", async () => {
    assert.equal((await scram("right", "wrong")).isAccepted, false);
  });

  test("SCRAM: a server that does not know the password is told from one that does", async () => {
    const flip = (text: string): string => `v=${text[2] === "A" ? "B" : "A"}${text.slice(3)}`;
    const { answers } = await scram("right", "right", flip);
    assert.equal(answers.isDone(), false);
  });

  test("SCRAM: a server that skips its own proof is refused", async () => {
    const answers = login("right");
    await answers.answer("AuthenticationSASL", request(10, "SCRAM-SHA-256\0\0"));
    assert.equal(answers.isDone(), false);
  });

  test("SCRAM: a nonce that is not ours, and work without end, are refused", async () => {
    for (const first of ["r=other,s=AAAA,i=4096", "r=,s=AAAA,i=4096", "e=other-error", ""]) {
      const answers = login("right");
      await answers.answer("AuthenticationSASL", request(10, "SCRAM-SHA-256\0\0"));
      await assert.rejects(
        answers.answer("AuthenticationSASLContinue", request(11, first)),
        MessageError,
      );
    }
    const answers = login("right");
    const initial = await answers.answer("AuthenticationSASL", request(10, "SCRAM-SHA-256\0\0"));
    const nonce = readSaslInitialResponse(body(initial))?.data.replace("n,,n=,r=", "");
    const endless = request(11, `r=${nonce}more,s=AAAA,i=4000000000`);
    await assert.rejects(answers.answer("AuthenticationSASLContinue", endless), MessageError);
  });

  // md5(md5(password, user), salt), computed elsewhere.
  test("MD5: the hash is that of password, user and salt", async () => {
    const salted = request(5, Buffer.from("01020304", "hex"));
    const message = await login("secret", "md5_user").answer("AuthenticationMD5Password", salted);
    assert.equal(body(message).toString(), "md530d9d09f02a72e0bbede8eccf68ddabc\0");
    await assert.rejects(
      login("secret").answer("AuthenticationMD5Password", request(5, "abc")),
      MessageError,
    );
  });

  // The same values in redshift_connector 2.1.5: ExtensibleDigest.encode().
  test("Redshift's digest: what AWS's own driver answers, with the time as the nonce", async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    const salt = Buffer.from("salt-of-16-bytes");
    const serverNonce = Buffer.from("nonce-of-16bytes");
    const asked = encodeAuthenticationDigest({ salt, serverNonce });
    const answer = await login("secret").answer("AuthenticationDigest", body(asked));
    assert.equal(answer?.toString("latin1", 0, 1), "d");
    const { digest, clientNonce } = readDigestResponse(body(answer)) ?? {};
    assert.equal(clientNonce?.toString(), "1700000000000");
    assert.equal(
      digest?.toString("hex"),
      "83ccd4c41dbf4aac5389ad2ebadfa66bfa3a35d36fa67c08ae92de4eeaf62d69",
    );
    // Another hash, lengths that do not fit, something behind.
    const wrong = [
      body(asked).with(7, 1),
      body(asked).with(11, 99),
      Buffer.concat([body(asked), Buffer.alloc(4)]),
      request(13, ""),
    ];
    for (const each of wrong) {
      const bytes = Buffer.from(each);
      assert.equal(await login("secret").answer("AuthenticationDigest", bytes), undefined);
    }
  });

  test("SCRAM: a server that asks for the password itself after that gets none", async () => {
    for (const [step, code] of [
      ["AuthenticationCleartextPassword", 3],
      ["AuthenticationMD5Password", 5],
    ] as const) {
      const answers = login("right");
      await answers.answer("AuthenticationSASL", request(10, "SCRAM-SHA-256\0\0"));
      await assert.rejects(answers.answer(step, request(code, "salt")), MessageError);
    }
  });

  test("a method that no password answers is left to the caller", async () => {
    const plus = request(10, "SCRAM-SHA-256-PLUS\0\0");
    assert.equal(await login("secret").answer("AuthenticationSASL", plus), undefined);
    assert.equal(await login("secret").answer("AuthenticationGSS", request(7, "")), undefined);
  });
});

// https://www.rfc-editor.org/rfc/rfc7677#section-3
describe("readServerFirst(), readServerSignature()", () => {
  test("read RFC 7677's example", () => {
    const first = readServerFirst(
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    );
    assert.equal(first?.iterations, 4096);
    assert.equal(first?.salt.length, 16);
    const signature = readServerSignature("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    assert.equal(signature?.length, 32);
  });

  test("take any junk without throwing", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        readServerFirst(text);
        readServerSignature(text);
      }),
    );
  });
});

const CLEARTEXT = { type: "R", body: request(3, "") };

/** What a backend gets that sends these messages; `password` is asked of whoever has it. */
async function answered(
  kind: "auth token" | "password",
  messages: readonly { type: string; body: Buffer }[],
) {
  const left = messages.map((each) => ({ ...each, bytes: each.body }));
  const sent: Buffer[] = [];
  let asked = 0;
  const password = async (): Promise<string> => `secret-${(asked += 1)}`;
  const take = async () => left.shift() ?? assert.fail("no more messages");
  const login = { host: "db.example.com", user: "app_ro", kind, password };
  const end = await authenticate(login, take, (bytes) => sent.push(bytes)).catch(
    (error: unknown) => error,
  );
  return { end, asked, sent: sent.map((each) => body(each).toString()) };
}

describe("authenticate()", () => {
  for (const kind of ["auth token", "password"] as const) {
    test(`a second request for the ${kind} is not answered`, async () => {
      const { end, asked, sent } = await answered(kind, [CLEARTEXT, CLEARTEXT]);
      assert.ok(end instanceof MessageError);
      assert.deepEqual([asked, sent], [1, ["secret-1\0"]]);
    });

    test(`AuthenticationOk ends it after the ${kind}, with the notices before it`, async () => {
      const notice = { type: "N", body: Buffer.from("\0") };
      const messages = [notice, CLEARTEXT, { type: "R", body: request(0, "") }];
      const { end, sent } = await answered(kind, messages);
      assert.deepEqual(end, [notice.body]);
      assert.deepEqual(sent, ["secret-1\0"]);
    });
  }

  test("an auth token is no answer to MD5 or SCRAM, and a password is none in the middle of SCRAM", async () => {
    const md5 = { type: "R", body: request(5, "salt") };
    const sasl = { type: "R", body: request(10, "SCRAM-SHA-256\0\0") };
    for (const message of [md5, sasl]) {
      const { asked, sent } = await answered("auth token", [message]);
      assert.deepEqual([asked, sent], [0, []]);
    }
    const { end, sent } = await answered("password", [sasl, CLEARTEXT]);
    assert.ok(end instanceof MessageError);
    assert.equal(sent.length, 1);
  });
});

test("loginLimit() + messages that a login has, and no other", () => {
  for (const type of ["E", "N", "R", "v"]) assert.ok(loginLimit(type) > 1_000, type);
  for (const type of ["D", "S", "Z", "K"]) assert.equal(loginLimit(type), 0, type);
});
