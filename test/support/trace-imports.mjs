// Prints every module that the program loads on stderr.
import { register } from "node:module";

register(
  `data:text/javascript,${encodeURIComponent(`
    import { writeSync } from "node:fs";
    export async function load(url, context, next) {
      writeSync(2, "loaded: " + url.split("?")[0] + "\\n");
      return next(url, context);
    }`)}`,
);
