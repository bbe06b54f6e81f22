/** The certificates of a PEM text, one block each; TRUSTED CERTIFICATE, OpenSSL's own form, is one only if asked for. */
export function pemBlocks(text: string, form: "usual" | "or trusted" = "usual"): readonly string[] {
  const label = form === "usual" ? "CERTIFICATE" : "(?:TRUSTED )?CERTIFICATE";
  return text.match(new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, "g")) ?? [];
}
