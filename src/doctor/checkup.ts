// What the steps of the doctor know of one another: each leaves here what it found, for those that come after it.
import type { CallerIdentity } from "../aws/caller-identity.ts";
import type { Credentials } from "../aws/credentials.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import type { Identity } from "../session/identity.ts";
import type { Place } from "../session/endpoint.ts";
import type { Backend, BackendConnection, BackendSession } from "../proxy/backend-login.ts";
import type { RunContext } from "../base/context.ts";
import type { AccessRequest } from "../session/session.ts";
import type { Via } from "../via/parse.ts";
import type { Way } from "../session/tunnel.ts";

/** What is examined, and how. */
export interface DoctorRequest extends AccessRequest {
  /** The RDSIAM_ variables that this version reads. */
  readonly knownVariables: readonly string[];
}

/** An examination under way. */
export interface Checkup {
  readonly context: RunContext;
  readonly request: DoctorRequest;
  /** What is to be closed in the end, last first. */
  readonly closers: (() => PromiseLike<unknown> | void)[];
  loaded?: LoadedTargets;
  settings?: Settings;
  user?: string;
  via?: Via;
  identity?: Identity;
  /** The credentials of the run. */
  credentials?: Credentials;
  /** Those that the run's role could not be assumed with, and why. */
  withoutRole?: { readonly credentials: Credentials; readonly error: unknown };
  caller?: CallerIdentity;
  /** Milliseconds that the clock here is ahead of AWS's. */
  clockAhead?: number;
  place?: Place;
  /** Whether the addresses are known, or are looked up at the far end of the way. */
  isResolved?: boolean;
  way?: Way;
  backend?: Backend;
  connection?: BackendConnection;
  session?: BackendSession;
}
