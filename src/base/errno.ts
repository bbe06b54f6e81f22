/** Whether Deno was started without the permission. */
export function isDenied(error: unknown): error is Error {
  return error instanceof Error && error.name === "NotCapable";
}

/** The code of a system's or a library's error, as `ENOENT`, for messages and comparisons; `otherwise` where it has none. */
export function errorCode(
  error: unknown,
  otherwise = isDenied(error) ? "permission denied by Deno" : "unknown error",
): string {
  const code: unknown = error instanceof Object && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : otherwise;
}
