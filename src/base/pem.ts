// Reads certificates in PEM. Node takes garbage as "no CA" in silence, and an empty text as the system's list, so PEM is
// parsed here. https://www.rfc-editor.org/rfc/rfc7468#section-5
import { X509Certificate } from "node:crypto";

type PemForm = "usual" | "or trusted";

/** The certificates of a PEM text, one block each; TRUSTED CERTIFICATE, OpenSSL's own form, is one only if asked for. */
export function pemBlocks(text: string, form: PemForm = "usual"): readonly string[] {
  return begunBlocks(text, form).filter((block) => /-----END [A-Z ]+-----$/.test(block));
}

// One that is cut off is among them.
function begunBlocks(text: string, form: PemForm = "usual"): readonly string[] {
  const label = form === "usual" ? "CERTIFICATE" : "(?:TRUSTED )?CERTIFICATE";
  const block = `-----BEGIN ${label}-----[^-]*(?:-----END ${label}-----)?`;
  return text.match(new RegExp(block, "g")) ?? [];
}

/** The certificates of a text; one that is cut off or cannot be parsed throws what `broken` makes of its number, counted from 1. */
export function pemCertificates(
  text: string,
  broken: (number: number, cause: unknown) => Error,
  form?: PemForm,
): readonly { readonly pem: string; readonly certificate: X509Certificate }[] {
  return begunBlocks(text, form).map((pem, index) => {
    try {
      return { pem, certificate: new X509Certificate(pem) };
    } catch (error) {
      throw broken(index + 1, error);
    }
  });
}
