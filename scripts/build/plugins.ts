// What the bundles are made with: esbuild's options that all share, and what is done to some modules on the way in.
// https://esbuild.github.io/plugins/
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";

const ROOT = resolve(import.meta.dirname, "../..");

/** What all bundles have in common. */
export const COMMON = {
  absWorkingDir: ROOT,
  platform: "node",
  target: "node20",
  mainFields: ["module", "main"],
  // One other character, and V8 keeps a whole file in two bytes each.
  charset: "ascii",
  legalComments: "none",
  bundle: true,
} satisfies BuildOptions;

// Only the name and version of package.json belong in the bundle.
const manifestPlugin: Plugin = {
  name: "manifest",
  setup(builder) {
    builder.onLoad({ filter: /package\.json$/ }, ({ path }) => {
      if (path !== join(ROOT, "package.json")) return undefined;
      const { name, version }: { name: string; version: string } = JSON.parse(
        readFileSync(path, "utf8"),
      );
      return { contents: JSON.stringify({ name, version }), loader: "json" };
    });
  },
};

// The signer's defaults for Node are the whole chain of credential providers, half a megabyte for what it is always given
// here. Its own variant for platforms without one takes credentials and Region as they come.
const signerDefaultsPlugin: Plugin = {
  name: "signer's defaults",
  setup(builder) {
    builder.onResolve({ filter: /^\.\/runtimeConfig$/ }, ({ importer }) => {
      if (!importer.includes("/@aws-sdk/rds-signer/")) return undefined;
      return { path: join(dirname(importer), "runtimeConfig.native.js") };
    });
  },
};

// Chunks that the signer shares with AWS's clients would have all that these need (150 KB): it is bundled with its
// own parts alone (36 KB).
const SIGNER = /\/@aws-sdk\/rds-signer\/dist-es\/index\.js$/;
let signer: Metafile | undefined;
const signerPlugin: Plugin = {
  name: "signer",
  setup(builder) {
    builder.onLoad({ filter: SIGNER }, async ({ path }) => {
      const { metafile, outputFiles } = await build({
        ...COMMON,
        entryPoints: [path],
        format: "esm",
        metafile: true,
        write: false,
        plugins: [signerDefaultsPlugin],
      });
      signer = metafile;
      return { contents: outputFiles[0]?.text ?? "" };
    });
  },
};
/** The metafile of a bundle, which knows the signer as one file, with all that this was made of. */
export function withSigner({ inputs, outputs }: Metafile): Metafile {
  const parts = Object.values(signer?.outputs ?? {}).map((output) => output.inputs);
  const whole = Object.entries(outputs).map(([path, output]) => {
    const hasSigner = Object.keys(output.inputs).some((name) => SIGNER.test(name));
    return [
      path,
      hasSigner ? { ...output, inputs: Object.assign({}, output.inputs, ...parts) } : output,
    ];
  });
  return { inputs: { ...signer?.inputs, ...inputs }, outputs: Object.fromEntries(whole) };
}

// A CommonJS module that imports the default of a built-in one copies the getters of all its properties, here a hundred in
// every chunk; and Bun makes stdin, stdout and stderr of process's (10 ms).
const processPlugin: Plugin = {
  name: "process",
  setup(builder) {
    builder.onResolve({ filter: /^node:process$/ }, ({ importer }) =>
      importer.includes("/node_modules/") ? undefined : { path: "process", namespace: "late" },
    );
    builder.onLoad({ filter: /^process$/, namespace: "late" }, () => ({
      contents: "export default globalThis.process;",
    }));
  },
};

// @clack/core is always given its streams; those of the process are the tool's, and to look at them makes them.
const promptPlugin: Plugin = {
  name: "prompt",
  setup(builder) {
    builder.onResolve({ filter: /^node:process$/ }, ({ importer }) =>
      importer.includes("/node_modules/@clack/core/")
        ? { path: "streams", namespace: "late" }
        : undefined,
    );
    builder.onLoad({ filter: /^streams$/, namespace: "late" }, () => ({
      contents: "export const stdin = undefined, stdout = undefined;",
    }));
  },
};

// What may not be needed before a tool starts, or at all, and takes Node and Bun 2 to 4 ms to load: node:crypto for the hash of an SSO
// session's name and the name of a temporary file, node:tls for its root certificates.
const CRYPTO_FUNCTIONS =
  "createHash createHmac createPrivateKey hash randomBytes randomUUID timingSafeEqual".split(" ");
const latePlugin: Plugin = {
  name: "late",
  setup(builder) {
    builder.onResolve({ filter: /^(?:node:)?(?:crypto|tls)$/ }, ({ importer, path }) =>
      /\/src\/(?:aws|base|rds)\/|\/@smithy\/core\/dist-es\/submodules\/config\//.test(importer)
        ? { path: path.replace("node:", ""), namespace: "late" }
        : undefined,
    );
    builder.onLoad({ filter: /^crypto$/, namespace: "late" }, () => ({
      contents: [
        'const crypto = () => process.getBuiltinModule("node:crypto");',
        ...CRYPTO_FUNCTIONS.map(
          (name) => `export const ${name} = (...words) => crypto().${name}(...words);`,
        ),
        "export function X509Certificate(pem) { return new (crypto().X509Certificate)(pem); }",
      ].join("\n"),
    }));
    builder.onLoad({ filter: /^tls$/, namespace: "late" }, () => ({
      contents: [
        'const tls = () => process.getBuiltinModule("node:tls");',
        "export const createSecureContext = (options) => tls().createSecureContext(options);",
        "export default { get rootCertificates() { return tls().rootCertificates; } };",
      ].join("\n"),
    }));
  },
};

// Node makes the promises of node:fs/promises together with those of file handles, and of all that reads lines from them (3 ms).
// Nearly nobody here opens a handle, so all but that are the callback's functions, promisified.
const FILE_FUNCTIONS = (
  "access appendFile chmod chown copyFile cp link lstat mkdir mkdtemp readFile readdir realpath rename rm stat " +
  "symlink writeFile"
).split(" ");
const filesPlugin: Plugin = {
  name: "files",
  setup(builder) {
    builder.onResolve({ filter: /^(?:node:)?fs\/promises$/ }, () => ({
      path: "files",
      namespace: "late",
    }));
    builder.onLoad({ filter: /^files$/, namespace: "late" }, () => ({
      contents: [
        'import * as fs from "node:fs";',
        'import { promisify } from "node:util";',
        "export const { constants } = fs;",
        'export const open = (...words) => process.getBuiltinModule("node:fs/promises").open(...words);',
        ...FILE_FUNCTIONS.map(
          (name) => `export const ${name} = (...words) => promisify(fs.${name})(...words);`,
        ),
        `export default { open, ${FILE_FUNCTIONS.join(", ")} };`,
      ].join("\n"),
      resolveDir: ROOT,
    }));
  },
};

// In another program's process the SDK must not warn that it will leave Node 20, and the variable that keeps it from doing so is
// not ours to set there.
/** Keeps the SDK quiet about old versions of Node. */
export const quietPlugin: Plugin = {
  name: "quiet",
  setup(builder) {
    builder.onLoad({ filter: /\/emitWarningIfUnsupportedVersion\.js$/ }, () => ({
      contents: "export const state = {}; export const emitWarningIfUnsupportedVersion = () => {};",
    }));
  },
};

/** What every bundle is made with. */
export const PLUGINS: readonly Plugin[] = [
  manifestPlugin,
  signerPlugin,
  processPlugin,
  promptPlugin,
  latePlugin,
  filesPlugin,
];
