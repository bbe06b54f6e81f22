// What a tunnel through Systems Manager asks of AWS, with the credentials that sign the auth tokens too. All that AWS hands out
// for a session is kept out of the log.

import type { AwsCaller } from "../aws/rds-client.ts";
import type { Log } from "../base/log.ts";
import { DATA_KEY_LENGTH } from "../ssm/cipher.ts";
import type { SsmService, StartSsmSession } from "../via/ssm.ts";

/** Makes the service of a tunnel; `startSession` opens the sessions. */
export function ssmService(
  startSession: StartSsmSession,
  caller: () => AwsCaller,
  log: Pick<Log, "addSecret">,
): SsmService {
  return {
    startSession,
    resumeSession: async (sessionId) => {
      const { resumeSsmSession } = await import("../aws/ssm-session.ts");
      const token = await resumeSsmSession(sessionId, caller());
      if (typeof token === "string") log.addSecret(token);
      return token;
    },
    endSession: async (sessionId) => {
      const { endSsmSession } = await import("../aws/ssm-session.ts");
      await endSsmSession(sessionId, caller());
    },
    makeDataKey: async (keyId, { response, target }) => {
      const { generateDataKey } = await import("../aws/data-key.ts");
      const request = { keyId, length: DATA_KEY_LENGTH, sessionId: response.SessionId, target };
      return generateDataKey(request, caller());
    },
    dial: async ({ endpoint, response }) => {
      const { signedDial } = await import("../aws/data-channel.ts");
      return signedDial({ endpoint, url: response.StreamUrl }, caller());
    },
  };
}
