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
  "src/via/listening-program.ts: {if ( -> if (false && }this.#programs.has(program)) this.#starting.delete(key);":
    "time alone: a login between the retiring of a program and its end gets that one, as it would a moment before",
  'src/session/tunnel-ssm.ts: {if ( -> if (false && }typeof token === "string") log.addSecret(token);':
    "a guard: no text has this token; were there one, it would be struck out",
  'src/session/tunnel-ssm.ts: {if ( -> if (true || }typeof token === "string") log.addSecret(token);':
    "equivalent: what is not a text is no secret to strike out",
  'src/via/eice.ts: hint: "A tunnel may last an hour; the next login opens another. Otherwise, check that the instance is running and accepts connections from the endpoint on port {22 -> 0}.",':
    "text alone",
  "src/session/connection-info.ts: return {false -> true};":
    "equivalent: the certificates have been read before, so what cannot be looked at has been refused",
  "src/relay/access.ts: return text.length{ <= -> < }2_048 && ARN.test(text);":
    "the bound itself: an ARN of exactly 2,048 characters",
  'src/proxy/backend.ts: const family = socket.remoteFamily === "IPv6" ? 6 : {4 -> 0};':
    "equivalent: what is dialed is an address, whose family shows in its text",
  'src/via/ssh-agent.ts: {socket.on("error", () => {}); -> ;}':
    "shows only when an ssh ends between the read of its request and the write of the answer",
  "src/relay/admission.ts: {if ( -> if (false && }!(error instanceof BadProof)) throw error;":
    "a guard: what else is thrown there is a defect, and none can be made without one",
  'src/proxy/proxy.ts: {socket.on("error", ignore); -> ;}':
    "shows only when a client resets in the milliseconds in which the sources load",
  "src/session/backend.ts: {if ( -> if (false && }isSettled) return;":
    "equivalent but for time: what is known is written down once more",
  "src/via/ssm-pool.ts: {this.#timer.unref(); -> ;}":
    "equivalent: the pool is closed before the process ends",
  'src/proxy/proxy.ts: {server.once("close", () => fail(last)); -> ;}':
    "a listener is closed by nobody else",
  "src/session/endpoint.ts: {log.verbose( `the profile's Region is ${settings.profi -> ;}":
    "text for --verbose alone",
  "src/session/open-proxy.ts: {if ( -> if (false && }!issued.reused) onToken();":
    "a figure of the metrics alone, which the readiness check sets too",
  'src/session/open-proxy.ts: if (kind{ === -> !== }"password") return login.passwords;':
    "a figure of the metrics alone, which the readiness check sets too",
  "src/via/ssh.ts: {await rm(this.#socket, { force: true }); -> ;}":
    "shows only after an ssh that was killed has left its socket",
};
