// The names of the files that the AWS CLI keeps logins in, from a config file: botocore-sso-names.json, made by
// make-botocore-sso-names.py with the AWS CLI itself.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { chooseSource } from "../../src/aws/choose-source.ts";
import { registrationFile, tokenFile } from "../../src/aws/sso-cache.ts";
import { ssoSession } from "../../src/aws/sso-token.ts";
import { parseAwsIni } from "../../src/config/aws-ini.ts";
import { awsProfiles } from "../../src/config/aws-profiles.ts";

/** A config file with the profile `it`, and what the AWS CLI makes of it. */
interface NameCase {
  readonly config: string;
  readonly session: string | null;
  readonly startUrl: string;
  readonly region: string;
  readonly scopes: readonly string[] | null;
  /** The names of the two files. */
  readonly token: string;
  readonly registration: string;
}

const { cases } = JSON.parse(
  readFileSync(new URL("botocore-sso-names.json", import.meta.url), "utf8"),
) as { readonly cases: readonly NameCase[] };

test(`tokenFile() and registrationFile() are the AWS CLI's for ${cases.length} sessions`, () => {
  assert.ok(cases.length >= 20);
  for (const { config, registration, token, ...wanted } of cases) {
    const profiles = awsProfiles(parseAwsIni(config, "config"), new Map());
    const source = chooseSource({
      files: profiles,
      env: {},
      profile: "it",
      isExplicit: true,
      readBoto: () => undefined,
      readText: () => undefined,
    });
    assert.ok(source.method === "sso", config);
    const paths = { config: "config", credentials: "credentials" };
    const session = ssoSession(source, { ...profiles, paths });
    const found = { ...session, session: session.session ?? null, scopes: session.scopes ?? null };
    const { profile: _profile, place: _place, ...read } = found;
    assert.deepEqual(read, wanted, config);
    const directory = "/home/jane/.aws/sso/cache";
    const env = { HOME: "/home/jane" };
    assert.equal(tokenFile(session, env), `${directory}/${token}.json`, config);
    assert.equal(registrationFile(session, env), `${directory}/${registration}.json`, config);
  }
});
