// The answers of STS to a presigned GetCallerIdentity, and of what is not STS.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { askIdentity } from "../../src/aws/presigned-identity.ts";

for (const [status, body, wanted] of [
  [200, "<Arn>arn:aws:iam::123456789012:user/demo</Arn>", "arn:aws:iam::123456789012:user/demo"],
  [403, "<Code>SignatureDoesNotMatch</Code>", undefined],
  [400, "<Code>Throttling</Code>", /STS answered 400 Throttling/],
  // As moto, which takes a presigned request for one to S3.
  [200, "<ListAllMyBucketsResult/>", /STS answered 200 without an ARN/],
  [403, "<html>Forbidden</html>", /STS answered 403 without an ARN or an error code/],
] as const) {
  test(`askIdentity() + ${status} ${body} is ${wanted instanceof RegExp ? "a failure" : (wanted ?? "a refusal")}`, async () => {
    const server = createServer((_request, response) => response.writeHead(status).end(body));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const signal = AbortSignal.timeout(10_000);
    const asked = askIdentity({ query: {}, headers: {} }, { endpoint, signal }, { env: {} });
    if (wanted instanceof RegExp) await assert.rejects(asked, { message: wanted });
    else assert.equal(await asked, wanted);
    server.closeAllConnections();
    server.close();
  });
}
