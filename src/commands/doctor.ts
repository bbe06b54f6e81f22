// `rdsiam doctor`: runs each step of a login in turn, and prints what it found.
import { printableJson } from "../base/printable.ts";
import { type Invocation, isOn, VARIABLES } from "../cli/options.ts";
import type { RdsIamError } from "../base/errors.ts";
import type { RunContext } from "../base/context.ts";
import { withTilde } from "../base/wrap.ts";
import type { PaintVerdict } from "../doctor/text.ts";
import { offerTargets } from "../session/offer-targets.ts";

const ROLES = { ok: "ok", fail: "error", skip: "skip" } as const;

/** Prints a line for each step, with --json all as one object; resolves with 0 when no step failed, else 1. */
export async function runDoctor(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target } = invocation;
  const request = await offerTargets(context, { targetName: target, options });
  const { examine } = await import("../doctor/doctor.ts");
  const { findingLines, summaryLine } = await import("../doctor/text.ts");
  const asJson = isOn(options, context.env, "json");
  // The command line was read: only its target can be a slip.
  const explain = async (error: RdsIamError): Promise<RdsIamError> => {
    const { explainSlip } = await import("../cli/slips.ts");
    return explainSlip(error, { invocation, commands: [], ...context });
  };
  const known = { knownVariables: VARIABLES, explain };
  const findings = await examine(context, { ...request, ...known }, (finding) => {
    if (asJson) return;
    const columns = context.width();
    const paint: PaintVerdict = (status, text) => context.style(ROLES[status], text);
    for (const line of findingLines(finding, paint, columns)) {
      context.print(columns === undefined ? line : withTilde(line, context.home));
    }
  });
  const isOk = findings.every(({ status }) => status !== "fail");
  if (asJson) context.print(printableJson({ ok: isOk, steps: findings }, 2));
  else context.print(`\n${summaryLine(findings)}`);
  return isOk ? 0 : 1;
}
