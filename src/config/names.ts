// How a setting or an option is spelled: `roleArn` is the key role_arn, the option --role-arn and the variable RDSIAM_ROLE_ARN.

import type { Environment } from "../base/context.ts";

/** A setting's key, without the prefix `rds_`: roleArn is role_arn. */
export function keyOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The spelling of an option on the command line: roleArn is --role-arn. */
export function optionFlag(name: string): string {
  return `--${keyOf(name).replaceAll("_", "-")}`;
}

/** The environment variable of a setting or an option: roleArn is RDSIAM_ROLE_ARN. */
export function variableOf(name: string): string {
  return `RDSIAM_${keyOf(name).toUpperCase()}`;
}

/** The text of a variable of rdsiam's; set to nothing is not set, as for AWS's and PostgreSQL's own variables. */
export function ownVariable(env: Environment, variable: string): string | undefined {
  const text = env[variable];
  return text && !isServiceVariable(variable, text) ? text : undefined;
}

/** Whether the text of a flag's variable switches the flag on. */
export function isYes(text: string | undefined): boolean {
  return /^(?:1|yes|on|true)$/i.test(text ?? "");
}

/**
 * Whether a variable is what Kubernetes sets in each pod beside a Service that is called `rdsiam`, or `rdsiam-` something:
 * RDSIAM_PORT=tcp://10.0.171.239:5432 and its like.
 * https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
 */
export function isServiceVariable(variable: string, text: string): boolean {
  if (variable.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(text)) return true;
  return /_SERVICE_(?:HOST|PORT(?:_\w+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?$/.test(variable);
}
