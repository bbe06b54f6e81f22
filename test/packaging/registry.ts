// A registry with one package in it, on the loopback interface: what npm, Bun and Deno ask for when a name is installed.
// https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A running registry. */
export interface Registry extends AsyncDisposable {
  readonly url: string;
  /** The paths that were asked for, in order. */
  readonly asked: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
}

/** Serves one packed package; `manifest` is its package.json. */
export async function startRegistry(tarball: string, manifest: Manifest): Promise<Registry> {
  const bytes = await readFile(tarball);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    if (path === "/package.tgz") {
      response.end(bytes);
    } else if (decodeURIComponent(path) === `/${manifest.name}`) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(metadata()));
    } else {
      response.statusCode = 404;
      response.end("{}");
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function metadata(): object {
    const { name, version } = manifest;
    const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
    const shasum = createHash("sha1").update(bytes).digest("hex");
    const dist = { tarball: `${url}/package.tgz`, integrity, shasum };
    return {
      name,
      "dist-tags": { latest: version },
      versions: { [version]: { ...manifest, dist } },
      time: { [version]: "2024-01-01T00:00:00.000Z" },
    };
  }

  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return { url, asked, [Symbol.asyncDispose]: close };
}
