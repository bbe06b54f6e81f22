// What every way to the database has in common: it opens connections to one place, and is closed with the run.

import type { Duplex } from "node:stream";
import type { RdsIamError } from "../base/errors.ts";

/** Where a connection is to end. */
export interface CarrierTarget {
  /** The database's name, for messages. */
  readonly host: string;
  readonly port: number;
  /** What the far end dials: an address, or the name where it is looked up over there. */
  readonly address: string;
}

/** A way to the database. */
export interface Carrier extends AsyncDisposable {
  /** Opens a connection; rejects with ERR_VIA or the signal's reason. A way that breaks later fails the stream with an ERR_VIA. */
  readonly open: (target: CarrierTarget, signal: AbortSignal) => Promise<Duplex>;
  /** The address that a connection leads to, where the far end tells it. */
  readonly addressOf?: (connection: Duplex) => string | undefined;
}

/** What a way is started with. */
export interface CarrierOptions {
  /** The environment for the programs that a way runs. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for what is done before the tool starts. */
  readonly connectTimeout: number;
  /** The file of a program on PATH; rejects where there is none. */
  readonly findProgram: (name: string) => Promise<string>;
  /** Says a step, with --verbose. */
  readonly note: (line: string) => void;
  /** Warns, always. */
  readonly warn: (line: string) => void;
  /** Hears why connections broke that had stood. */
  readonly onBroken: (error: RdsIamError) => void;
}
