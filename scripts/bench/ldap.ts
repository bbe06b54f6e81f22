// The judge of passwords. With `hostssl ... ldap` a real PostgreSQL asks for a cleartext password over TLS, as RDS does, and has
// it checked by an LDAP server, so that every subject faces the very same server with nothing in between. This one knows
// the simple bind of PostgreSQL's client with a password as long as an auth token is, and nothing else.
// https://www.rfc-editor.org/rfc/rfc4511#section-4.2
import { Buffer } from "node:buffer";
import { createServer } from "node:net";
import { listen } from "../../src/base/listen.ts";

// In hexadecimal: SEQUENCE, message id, BindRequest, version 3, length of the name, and the name with all that follows it.
const BIND = /^30.{6}0201(..)60.{6}02010304(..)(.*)$/;
const LONGEST_UNBIND = 40; // digits

/** Starts it on a loopback port; it asks whether a user's password is right. */
export async function startLdap(isRight: (user: string, password: string) => boolean) {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    let digits = "";
    socket.on("data", (chunk: Buffer) => {
      digits += chunk.toString("hex");
      const [, id = "", length = "", rest = ""] = BIND.exec(digits) ?? [];
      if (id === "" && digits.length < LONGEST_UNBIND) return void socket.end();
      const end = 2 * Number.parseInt(length, 16);
      const name = Buffer.from(rest.slice(0, end), "hex").toString();
      const password = Buffer.from(rest.slice(end + 8), "hex");
      if (password.length !== Number.parseInt(rest.slice(end + 4, end + 8), 16)) return;
      digits = "";
      const code = isRight(name, password.toString()) ? "00" : "31"; // success, invalidCredentials
      socket.write(Buffer.from(`300c0201${id}61070a01${code}04000400`, "hex"));
    });
  });
  const port = await listen(server, { host: "127.0.0.1", port: 0 });
  // PostgreSQL has ended before.
  const close = (): Promise<unknown> => new Promise((resolve) => server.close(resolve));
  return { port, [Symbol.asyncDispose]: async () => void (await close()) };
}
