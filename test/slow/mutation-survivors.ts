// The mutants that no test notices and that need none, with the reason; `npm run test:slow -- mutation` names others.

/** By the mutant's name: the file, its line and the change. */
export const JUDGED: Readonly<Record<string, string>> = {
  'src/proxy/cancel.ts: limit.signal.addEventListener("abort", () => socket.destroy(), { once: {true -> false} });':
    "equivalent: an AbortSignal fires once",
  'src/proxy/cancel.ts: {limit.signal.addEventListener("abort", () => socket.destroy( -> ;}':
    "time alone: a server that does not close is left after 5 s more",
  'src/proxy/dsql-dialect.ts: {this.#prepared.delete(texts[0] ?? ""); -> ;}':
    "equivalent but for memory: a Parse of the name replaces the entry, and without one the server answers with an error",
  "src/proxy/session-timeouts.ts: {if ( -> if (false && }idleTimeout === undefined && sessionTimeout === undefined) return;":
    "equivalent: without limits the rest starts no timer",
  'src/relay/server.ts: {server.on("error", resolve); -> ;}':
    "a socket that listens fails later only where the system takes it away",
  "src/session/endpoint.ts: {log.verbose(`remembered in ${file}: ${alias} points to ${can -> ;}":
    "text for --verbose alone",
  'src/session/offer-targets.ts: columns: [name, user ?? "", `${host}:${port{ ?? -> && }5432}`, dbname ?? user ?? ""],':
    "text alone: the port that the picker shows",
  "src/session/permission.ts: {if ( -> if (false && }!(error instanceof RdsIamError)) throw error;":
    "a guard: what else is thrown there is a defect, and none can be made without one",
  "src/via/child-stream.ts: return joined.length{ > -> >= }SHOWN_STDERR ? `...${joined.slice(-SHOWN_STDERR)}` : joined;":
    "text alone: three dots before a text of exactly 600 characters",
  'src/via/child-stream.ts: {stream.once("close", () => void stream.gone.then(() => this. -> ;}':
    "equivalent but for memory: to end a program that is gone does nothing",
  "src/via/ssh.ts: {options.note(`tunnel: one ssh connection to ${name} for all -> ;}":
    "text for --verbose alone",
  "src/via/ssm-plugin.ts: {options.note(`tunnel: session ${session.response.SessionId} -> ;}":
    "text for --verbose alone",
  "src/via/tunnel.ts: autoSelectFamily: {true -> false},":
    "shows only with a name that has addresses of both families, of which one does not answer",
};
