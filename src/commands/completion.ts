// `rdsiam completion`: prints the completion script for a shell, or writes it where the shell looks for a user's own.
// https://github.com/scop/bash-completion#faq, https://fishshell.com/docs/current/completions.html#where-to-put-completions
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { completionScript } from "../cli/completion/script.ts";
import { HEADER, type Shell, SHELLS } from "../cli/completion/words.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { dataDirectory } from "../system/directories.ts";
import { quoteForPowerShell, shellWord } from "../system/shell-word.ts";
import { type CommandSpec, type Invocation, isOn } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";

interface Installation {
  readonly file: string;
  /** What the user still has to do. */
  readonly notes: readonly string[];
}

/** Prints the script; with --install writes it and prints where. */
export async function runCompletion(
  context: RunContext,
  { target, options }: Invocation,
  commands: readonly CommandSpec[],
): Promise<number> {
  const shell = chooseShell(target, context.env);
  const script = completionScript(shell, commands);
  if (!isOn(options, context.env, "install")) {
    context.print(script.trimEnd());
    return 0;
  }
  const { file, notes } = installationOf(shell, context);
  await refuseForeign(file);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, script);
  } catch (error) {
    throw new RdsIamError(`cannot write ${file}: ${errorCode(error, "unknown error")}`, {
      code: "ERR_CONFIG",
      hint: `Write it yourself: rdsiam completion ${shell} > FILE`,
      cause: error,
    });
  }
  for (const line of [`wrote ${file}`, ...notes]) context.print(line);
  return 0;
}

function chooseShell(given: string | undefined, env: RunContext["env"]): Shell {
  const usual = process.platform === "win32" ? "powershell" : "";
  const name = given ?? (basename(env["SHELL"] ?? "") || usual);
  const shell = SHELLS.find((known) => known === name);
  if (shell !== undefined) return shell;
  throw new RdsIamError("completion needs a supported shell", {
    code: "ERR_USAGE",
    detail: name === "" ? "SHELL is not set." : `There is no completion for ${name}.`,
    hint: `Write rdsiam completion ${SHELLS.join("|")}.`,
  });
}

function installationOf(shell: Shell, { env, home }: RunContext): Installation {
  const data = env["XDG_DATA_HOME"] || join(home, ".local", "share");
  switch (shell) {
    case "bash": {
      const own = env["BASH_COMPLETION_USER_DIR"] || join(data, "bash-completion");
      const note = "takes effect in new shells that load the package bash-completion;";
      const file = join(own, "completions", "rdsiam");
      return {
        file,
        notes: [note, `without that package, add to ~/.bashrc: . ${shellWord(file)}`],
      };
    }
    case "zsh": {
      const directory = join(data, "zsh", "site-functions");
      const line = `fpath=(${shellWord(directory)} $fpath)`;
      const note = "add to ~/.zshrc before compinit, if it is not there yet:";
      return { file: join(directory, "_rdsiam"), notes: [note, `  ${line}`] };
    }
    case "fish": {
      const config = env["XDG_CONFIG_HOME"] || join(home, ".config");
      const file = join(config, "fish", "completions", "rdsiam.fish");
      return { file, notes: ["takes effect in new shells"] };
    }
    case "powershell": {
      const file = join(dataDirectory(env, home), "completion.ps1");
      const note = "add to your profile, the file that $PROFILE names, if it is not there yet:";
      return { file, notes: [note, `  . ${quoteForPowerShell(file)}`] };
    }
  }
}

// A file that the user wrote is not replaced.
async function refuseForeign(file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch((error: unknown) =>
    errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR" ? undefined : "",
  );
  if (text === undefined || text.includes(HEADER[0] ?? "")) return;
  throw new RdsIamError(`${file} exists, and rdsiam did not write it`, {
    code: "ERR_CONFIG",
    hint: "Move it away, then run this again.",
  });
}
