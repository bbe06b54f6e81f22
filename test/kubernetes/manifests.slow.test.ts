// The relay's manifests against the schemas of Kubernetes and ECS, and the files in them against the relay itself.
// Kubernetes' schemas come from npm and are installed when first needed; ECS's is the AWS CLI's own model of the API.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { installTools, TOOL_PACKAGES } from "../../scripts/tools.ts";
import { parseOwnFile } from "../../src/config/own-file.ts";
import { readRelayConfig } from "../../src/relay/config.ts";

const HERE = import.meta.dirname;
const TSC = resolve(HERE, "../../node_modules/.bin/tsc");
const PACKAGING = resolve(HERE, "../../packaging");
const MANIFESTS = readFileSync(join(PACKAGING, "kubernetes/relay.yaml"), "utf8");

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
}

type Model = new (manifest: unknown) => { readonly validate: () => void };

const reason = await installTools();

function load(file: string): Promise<unknown> {
  return import(pathToFileURL(join(TOOL_PACKAGES, file)).href);
}

async function documents(): Promise<readonly Manifest[]> {
  const { parseAllDocuments } = (await load("yaml/dist/index.js")) as {
    parseAllDocuments: (text: string) => { toJS: () => Manifest }[];
  };
  return parseAllDocuments(MANIFESTS).map((document) => document.toJS());
}

async function check(manifest: Manifest): Promise<void> {
  const file = `kubernetes-models/${manifest.apiVersion}/index.js`;
  const Kind = ((await load(file)) as Record<string, Model>)[manifest.kind];
  assert.ok(Kind !== undefined, `${manifest.apiVersion} has no ${manifest.kind}`);
  new Kind(manifest).validate();
}

// The schemas let words pass that they do not know; the types made from them do not.
async function checkAll(manifests: readonly Manifest[]): Promise<void> {
  for (const manifest of manifests) await check(manifest);
  const directory = mkdtempSync(join(tmpdir(), "rdsiam-manifests-"));
  try {
    symlinkSync(TOOL_PACKAGES, join(directory, "node_modules"));
    const lines = manifests.map((manifest, index) => {
      const { apiVersion, kind } = manifest;
      const own = `import type { I${kind} } from "kubernetes-models/${apiVersion}";`;
      return `${own}\nexport const m${index}: I${kind} = ${JSON.stringify(manifest)};`;
    });
    writeFileSync(join(directory, "manifests.mts"), lines.join("\n"));
    const words = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--module",
      "nodenext",
      "manifests.mts",
    ];
    const ran = spawnSync(TSC, words, { cwd: directory, encoding: "utf8" });
    assert.equal(ran.status, 0, ran.stdout);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe("packaging/kubernetes/relay.yaml", () => {
  test("every manifest follows its schema", async (context) => {
    if (reason !== undefined) return context.skip(reason);
    const all = await documents();
    await checkAll(all);
    assert.deepEqual(all.map(({ kind }) => kind).toSorted(), [
      "ConfigMap",
      "Deployment",
      "HorizontalPodAutoscaler",
      "Namespace",
      "NetworkPolicy",
      "PodDisruptionBudget",
      "Service",
      "ServiceAccount",
    ]);
    const placed = all.filter(({ kind }) => kind !== "Namespace");
    assert.ok(placed.every(({ metadata }) => metadata.namespace === "rdsiam"));
  });

  test("the schemas bite: a wrong type and a word that is unknown are refused", async (context) => {
    if (reason !== undefined) return context.skip(reason);
    const deployment = (await documents()).find(({ kind }) => kind === "Deployment");
    const text = JSON.stringify(deployment);
    for (const [from, to, said] of [
      [`"containerPort":8443`, `"containerPort":"x"`, /containerPort/],
      [`"readinessProbe"`, `"readynessProbe"`, /readynessProbe/],
    ] as const) {
      const spoilt = JSON.parse(text.replace(from, to)) as Manifest;
      await assert.rejects(checkAll([spoilt]), said, to);
    }
  });

  test("the relay takes the file in the ConfigMap", async (context) => {
    if (reason !== undefined) return context.skip(reason);
    const map = (await documents()).find(({ kind }) => kind === "ConfigMap");
    const text = (map?.data?.["relay.ini"] ?? "")
      .replaceAll("ACCOUNT", "123456789012")
      .replaceAll("REGION", "eu-west-1");
    const config = readRelayConfig(parseOwnFile(text, "relay.ini"), "relay.ini");
    assert.deepEqual(config.discover, ["eu-west-1"]);
    assert.equal(config.rules.length, 1);
  });
});

// No credentials and no configuration of the user's.
const AWS_ENV = { PATH: process.env["PATH"], AWS_DEFAULT_REGION: "eu-west-1" };
const aws =
  spawnSync("aws", ["--version"], { env: AWS_ENV }).status !== 0 &&
  "the AWS CLI is not on this machine, or does not run";

test("packaging/ecs/task-definition.json is what the ECS API takes", { skip: aws }, () => {
  const file = join(PACKAGING, "ecs/task-definition.json");
  const validate = (json: string): ReturnType<typeof spawnSync> =>
    // Checks the input, and answers an example without calling anybody.
    spawnSync(
      "aws",
      [
        "ecs",
        "register-task-definition",
        "--generate-cli-skeleton",
        "output",
        "--cli-input-json",
        json,
      ],
      { encoding: "utf8", env: AWS_ENV },
    );
  const good = validate(`file://${file}`);
  assert.equal(good.status, 0, String(good.stderr));
  const bad = validate(readFileSync(file, "utf8").replace("stopTimeout", "stopTimeOut"));
  assert.notEqual(bad.status, 0);
  assert.match(String(bad.stderr), /stopTimeOut/);
});
