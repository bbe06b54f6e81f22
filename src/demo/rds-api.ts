// The stand-in for the RDS API: it knows the one cluster there is, so that its resource id can be asked for.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";

import { listen } from "../base/listen.ts";
import type { KeyStore } from "./keys.ts";
import { verifyAuthorization } from "./sigv4.ts";
import { makeFailure, makeResult, makeSignatureFailure, type StsAnswer } from "./sts-answer.ts";

const HOST = "127.0.0.1";
const LONGEST_BODY = 100_000;

/** What the stand-in knows. */
export interface RdsApiOptions {
  readonly keys: KeyStore;
  /** arn:aws:rds:REGION:ACCOUNT:cluster:NAME */
  readonly clusterArn: string;
  readonly resourceId: string;
  readonly now?: (() => Date) | undefined;
}

/** The running stand-in. */
export interface RdsApiStandIn extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, for AWS_ENDPOINT_URL_RDS. */
  readonly endpoint: string;
}

/** Starts the stand-in for the RDS API on a free loopback port. */
export async function startRdsApi(options: RdsApiOptions): Promise<RdsApiStandIn> {
  const server = createServer((request, response) => {
    void readBody(request).then(
      (body) => {
        const { status, body: text } = answer(request, body, options);
        response.writeHead(status, { "content-type": "text/xml" }).end(text);
      },
      () => response.destroy(),
    );
  });
  const port = await listen(server, { host: HOST, port: 0 });
  return {
    endpoint: `http://${HOST}:${port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(request: IncomingMessage, body: Buffer, options: RdsApiOptions): StsAnswer {
  const headers = new Map(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const),
  );
  const now = options.now?.() ?? new Date();
  const verdict = verifyAuthorization(
    { method: request.method ?? "", path: "/", query: "", headers, body },
    { service: "rds", find: (accessKeyId) => options.keys.find(accessKeyId), now },
  );
  if (!verdict.ok) {
    return makeSignatureFailure(verdict.fault, { signed: headers.get("x-amz-date") ?? "", now });
  }
  const action = new URLSearchParams(body.toString("utf8")).get("Action") ?? "";
  if (action !== "DescribeDBClusters") {
    return makeFailure(400, "InvalidAction", `Could not find operation ${action}`);
  }
  const DBCluster = {
    DBClusterIdentifier: options.clusterArn.split(":").at(-1) ?? "",
    DBClusterArn: options.clusterArn,
    DbClusterResourceId: options.resourceId,
    IAMDatabaseAuthenticationEnabled: "true",
  };
  return makeResult(action, { DBClusters: { DBCluster } });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BODY) throw new RangeError("too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
