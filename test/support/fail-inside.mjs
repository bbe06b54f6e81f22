// Loaded before rdsiam itself (node --import, bun and deno --preload): SIGUSR2 makes something fail inside it.
import net from "node:net";
import process from "node:process";

const fault = process.env["RDSIAM_TEST_FAULT"];
const listeners = [];
// oxlint-disable-next-line typescript/unbound-method -- called with its own this below
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  listeners.push(this);
  return listen.apply(this, args);
};

process.on("SIGUSR2", () => {
  if (fault === "listener") for (const server of listeners) server.close();
  if (fault === "rejection") void Promise.reject(new Error("injected rejection"));
  if (fault === "exception") {
    setTimeout(() => {
      throw new Error("injected exception");
    }, 0);
  }
});
