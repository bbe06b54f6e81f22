// Installs Debian packages where that needs no question: root, and apt-get on PATH. Elsewhere the caller names what is missing.

import process from "node:process";
import { $, which } from "zx";

/** Installs packages; undefined when it is done, else the reason why not. */
export async function installDebianPackages(
  packages: readonly string[],
): Promise<string | undefined> {
  const aptGet = await which("apt-get", { nothrow: true });
  if (aptGet === null) return `no apt-get to install ${packages.join(" ")}`;
  if (process.getuid?.() !== 0) return `not root: apt-get install ${packages.join(" ")}`;
  process.stderr.write(`installing ${packages.join(" ")} ...\n`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = $({ env: environment, nothrow: true, quiet: true });
  // The lists may be old, or missing altogether.
  let installed = await apt`apt-get install -y --no-install-recommends ${packages}`;
  if (installed.exitCode !== 0) {
    await apt`apt-get update`;
    installed = await apt`apt-get install -y --no-install-recommends ${packages}`;
  }
  if (installed.exitCode === 0) return undefined;
  const last = installed.stderr.trim().split("\n").at(-1) ?? "";
  return `apt-get cannot install ${packages.join(" ")}: ${last}`;
}
