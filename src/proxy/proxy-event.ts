// What happened on a connection of the proxy, for logs and counters.
import type { FatalError } from "../protocol/error-response.ts";

/** What happened on a connection; never holds a secret. */
export type ProxyEvent =
  | {
      readonly kind: "login";
      readonly user: string;
      readonly database: string;
      readonly address: string;
      readonly milliseconds: number;
    }
  | {
      readonly kind: "refused";
      readonly user: string;
      readonly error: FatalError;
      readonly cause: unknown;
    }
  | {
      readonly kind: "unauthenticated";
      readonly reason: string;
      /** What it was told, where it was a login that was refused here. */
      readonly error?: FatalError | undefined;
    }
  | {
      readonly kind: "cancel";
      readonly found: boolean;
      /** Why the server was not told. */
      readonly failed?: FatalError;
    }
  | { readonly kind: "closed"; readonly user: string; readonly idle?: boolean };
