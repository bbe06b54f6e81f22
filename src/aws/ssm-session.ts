// Opens a Session Manager session that forwards a port to a host as seen from the instance, resumes it and ends it. Import this file late: the
// SDK's modules come with it. (They are imported by name here, which leaves most of them out of the bundle.)
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html

import {
  ResumeSessionCommand,
  SSMClient,
  StartSessionCommand,
  TerminateSessionCommand,
} from "@aws-sdk/client-ssm";
import { RdsIamError } from "../base/errors.ts";
import type { StartedSession } from "../ssm/session.ts";
import { configuredEndpoint } from "./endpoints.ts";
import { signingKeys } from "./keys.ts";
import { type AwsCaller, rdsError, rdsFailure } from "./rds-client.ts";
import { identityError, innermost, readError, sentence } from "./sdk-error.ts";
import { sdkClientOptions } from "./sdk.ts";

const DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost";
const RESUME_WAYS = "Without it, the next login starts a new session.";
const UNUSABLE = /^(?:TargetNotConnected|InvalidTarget|InvalidInstanceId)/;

/** An instance, and the host and port that it is to connect to. */
export interface PortForwarding {
  readonly target: string;
  readonly host: string;
  readonly port: number;
}

/** Opens a session; every failure is an RdsIamError. */
export async function startSsmSession(
  forwarding: PortForwarding,
  caller: AwsCaller,
): Promise<StartedSession> {
  const { region, profile } = caller;
  const { target } = forwarding;
  const client = await ssmClient(caller);
  // Without localPortNumber the plugin takes any free port.
  const request = {
    Target: target,
    DocumentName: DOCUMENT,
    Parameters: { host: [forwarding.host], portNumber: [String(forwarding.port)] },
  };
  try {
    const { SessionId, TokenValue, StreamUrl } = await client.send(
      new StartSessionCommand(request),
    );
    if (!SessionId || !TokenValue || !StreamUrl) throw new Error("Invalid response from SSM");
    const endpoint =
      configuredEndpoint("ssm", caller.calls) ??
      client.config.endpointProvider({ Region: region }).url.origin;
    const response = { SessionId, TokenValue, StreamUrl };
    return { response, request, region, profile, endpoint, target };
  } catch (error) {
    throw ssmError(error, target, caller);
  } finally {
    client.destroy();
  }
}

/** Asks for a new token of a session whose connection was cut, a secret; gives the error where another attempt would be in vain. */
export async function resumeSsmSession(
  sessionId: string,
  caller: AwsCaller,
): Promise<string | Error> {
  const client = await ssmClient(caller);
  try {
    const command = new ResumeSessionCommand({ SessionId: sessionId });
    return (await client.send(command)).TokenValue || new Error("it is over");
  } catch (error) {
    if (readError(error, []).name.startsWith("DoesNotExist")) return new Error("it is over");
    const purpose = { service: "ssm", action: "ResumeSession", ways: RESUME_WAYS } as const;
    const failure = rdsError(error, caller, purpose);
    if (rdsFailure(error) === "denied") return failure;
    throw failure;
  } finally {
    client.destroy();
  }
}

/** Ends a session. */
export async function endSsmSession(sessionId: string, caller: AwsCaller): Promise<void> {
  const client = await ssmClient(caller);
  try {
    await client.send(new TerminateSessionCommand({ SessionId: sessionId }));
  } finally {
    client.destroy();
  }
}

async function ssmClient({ calls, credentials, region }: AwsCaller): Promise<SSMClient> {
  const configured = configuredEndpoint("ssm", calls);
  return new SSMClient({
    ...(await sdkClientOptions(calls)),
    region,
    credentials: signingKeys(await credentials()),
    ...(configured === undefined ? {} : { endpoint: configured }),
  });
}

/** Why a session could not be opened on this instance, where another one may do; undefined for other failures. */
export function instanceFailure(error: unknown): string | undefined {
  const { name, text } = readError(error instanceof RdsIamError ? error.cause : error, []);
  if (name.startsWith("AccessDenied")) return "may not be used: ssm:StartSession is denied";
  return UNUSABLE.test(name) ? `is not connected: ${text}` : undefined;
}

function ssmError(error: unknown, target: string, { region, profile }: AwsCaller): RdsIamError {
  const known = innermost(error);
  if (known !== undefined) {
    return known;
  }
  const failed = readError(error, []);
  const hint = hintFor(failed.name, target);
  const message = `cannot start a Session Manager session on ${target} in ${region}`;
  if (hint === undefined) {
    const check = `Check with: aws ssm start-session --target ${target} --region ${region}`;
    const otherwise = { message, code: "ERR_VIA", hint: check } as const;
    return identityError(error, { profile, endpoint: `Systems Manager in ${region}`, otherwise });
  }
  return new RdsIamError(message, {
    code: "ERR_VIA",
    detail: sentence(failed.text),
    hint,
    cause: error,
  });
}

function hintFor(name: string, target: string): string | undefined {
  if (name.startsWith("AccessDenied")) {
    return `Allow ssm:StartSession on the instance and on the document ${DOCUMENT}.`;
  }
  if (UNUSABLE.test(name)) {
    return `Check that it runs and is connected: aws ssm describe-instance-information --filters Key=InstanceIds,Values=${target}`;
  }
  return undefined;
}
