// Options that say whose credentials, and how AWS is called.
import { ON_AWS, ON_DATABASE, type OptionSpec } from "./spec.ts";

/** Who. */
export const AWS_OPTIONS = [
  {
    name: "profile",
    value: "NAME",
    completes: "profile",
    summary: "AWS profile for the credentials",
    commands: ON_AWS,
  },
  {
    name: "region",
    value: "REGION",
    completes: "region",
    summary: "the database's Region, where its name has none",
    commands: ON_DATABASE,
  },
  {
    name: "roleArn",
    value: "ARN",
    summary: "role to assume on top of the profile's credentials",
    commands: ON_AWS,
  },
  {
    name: "roleSessionName",
    value: "NAME",
    summary: "session name for that role (rdsiam-<os user>)",
    commands: ON_AWS,
  },
  { name: "externalId", value: "ID", summary: "external id for that role", commands: ON_AWS },
  {
    name: "durationSeconds",
    value: "N",
    summary: "lifetime asked for that role",
    commands: ON_AWS,
  },
  { name: "mfaSerial", value: "ARN", summary: "MFA device for that role", commands: ON_AWS },
  {
    name: "mfaCode",
    value: "CODE",
    summary: "MFA code, where no terminal can be asked for one",
    commands: ON_AWS,
  },
  { name: "noCache", summary: "leave the AWS CLI's credential cache alone", commands: ON_AWS },
  {
    name: "awsTimeout",
    value: "SECONDS",
    summary: "limit of each call to AWS (default: 15)",
    commands: ON_AWS,
  },
] as const satisfies readonly OptionSpec[];
