// Takes BackendKeyData out of a backend's answers, as RDS Proxy never sends it.
// Messages are looked at until the first ReadyForQuery; after it everything is copied unread.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
import { Buffer } from "node:buffer";
import { Transform } from "node:stream";

const BACKEND_KEY_DATA = "K".charCodeAt(0);
const READY_FOR_QUERY = "Z".charCodeAt(0);

/** Makes the filter; it goes between the backend's socket and the frontend's. */
export function makeBackendKeyFilter(): Transform {
  let pending = Buffer.alloc(0);
  let ready = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (ready) {
        done(undefined, chunk);
        return;
      }
      pending = Buffer.concat([pending, chunk]);
      while (!ready && pending.length >= 5 && pending.length > pending.readUInt32BE(1)) {
        const end = 1 + pending.readUInt32BE(1);
        if (pending[0] !== BACKEND_KEY_DATA) this.push(pending.subarray(0, end));
        ready = pending[0] === READY_FOR_QUERY;
        pending = pending.subarray(end);
      }
      if (ready) {
        this.push(pending);
        pending = Buffer.alloc(0);
      }
      done();
    },
    flush(done) {
      done(undefined, pending);
    },
  });
}
