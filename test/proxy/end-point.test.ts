// The binding data of tls-server-end-point, for each kind of signature. The certificates are of OpenSSL's making:
// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha384 -days 36500 ...
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { serverEndPoint } from "../../src/proxy/frontend-tls.ts";

interface Case {
  readonly signature: string;
  /** Undefined where there is no one hash. */
  readonly hash: string | undefined;
  /** DER in base64. */
  readonly certificate: string;
}

const CASES: readonly Case[] = [
  {
    signature: "ecdsa-with-SHA256",
    hash: "sha256",
    certificate:
      "MIIBejCCAR+gAwIBAgIUM1sJcE737eDEiJNwBaWYxZMLOVYwCgYIKoZIzj0EAwIwETEPMA0GA1UEAwwGc2hh" +
      "MjU2MCAXDTI2MTEyMTE1MDM0OVoYDzIxMjYxMDI4MTUwMzQ5WjARMQ8wDQYDVQQDDAZzaGEyNTYwWTATBgcq" +
      "hkjOPQIBBggqhkjOPQMBBwNCAASVo7YpWejHggUNFh9Xe9wgd/ahQEB55pKVDHgBIF6Y4BSEzknrJfEFDZbY" +
      "QsllzeIiF9Ti3VJFxBbFDPArOilao1MwUTAdBgNVHQ4EFgQUNcxts83osmCpNOHz8YIEww4WUhkwHwYDVR0j" +
      "BBgwFoAUNcxts83osmCpNOHz8YIEww4WUhkwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA" +
      "m84H31PU6Fq9jjbQAY8xn1rRzKNizjSzvWoD8ZzH7u8CIQDX/njyEMUpt5lnzfXcXvnKc7cuzBOfA8Nh+y0u" +
      "+8+6+A==",
  },
  {
    signature: "ecdsa-with-SHA384",
    hash: "sha384",
    certificate:
      "MIIBejCCAR+gAwIBAgIUHeNglDP9ArUhFbbmH55b+M5vy84wCgYIKoZIzj0EAwMwETEPMA0GA1UEAwwGc2hh" +
      "Mzg0MCAXDTI2MTEyMTE1MDM0OVoYDzIxMjYxMDI4MTUwMzQ5WjARMQ8wDQYDVQQDDAZzaGEzODQwWTATBgcq" +
      "hkjOPQIBBggqhkjOPQMBBwNCAAR62TcuQ0MP17wFx5fL//KMeD2Sfitx/DBFcA9TSOmJjSMbmbwGf27TBRzb" +
      "70pq6Lb515GAvQLl8Lj9Ydp8Bzjio1MwUTAdBgNVHQ4EFgQUeucjfdouBEcNELFXWs6hhbwisWMwHwYDVR0j" +
      "BBgwFoAUeucjfdouBEcNELFXWs6hhbwisWMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAwNJADBGAiEA" +
      "z8xI7ss52nvkyTQpQiz2MykQ3hHAp+Vh/b/Fjy9CHd4CIQDxVP0v7scL9xwcxywO9Oqe4FhDA5Mz7IeQ7Yea" +
      "Lzp/qw==",
  },
  {
    signature: "ecdsa-with-SHA512",
    hash: "sha512",
    certificate:
      "MIIBeTCCAR+gAwIBAgIUMFK/Q4O4zMt/DaUhZi4jvVIMeWQwCgYIKoZIzj0EAwQwETEPMA0GA1UEAwwGc2hh" +
      "NTEyMCAXDTI2MTEyMTE1MDM0OVoYDzIxMjYxMDI4MTUwMzQ5WjARMQ8wDQYDVQQDDAZzaGE1MTIwWTATBgcq" +
      "hkjOPQIBBggqhkjOPQMBBwNCAATvMs07CjE38KgZffaVTcN5Yl/1CgY7DFrTpO5T3hTmHUYiVWrLXfCTuD00" +
      "+5SecF/cupyXF4dm/KyRQoL9o4r/o1MwUTAdBgNVHQ4EFgQUfVS0kN15U4YcqSPIy1x9OS3uP6cwHwYDVR0j" +
      "BBgwFoAUfVS0kN15U4YcqSPIy1x9OS3uP6cwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDBANIADBFAiEA" +
      "rXhlDXN/Muq4E99MPQaeHJn+4EYJEVGfUfP+QiMoLEYCICZHbw/4+Zram9jLwFBz6q5KgugKswHYggvq/65W" +
      "PAfc",
  },
  {
    signature: "sha384WithRSAEncryption",
    hash: "sha384",
    certificate:
      "MIIC+zCCAeOgAwIBAgIUbGabCx/yv/rMy3N35ugsnS46iSkwDQYJKoZIhvcNAQEMBQAwDDEKMAgGA1UEAwwB" +
      "czAgFw0yNjExMjExNTAzNTBaGA8yMTI2MTAyODE1MDM1MFowDDEKMAgGA1UEAwwBczCCASIwDQYJKoZIhvcN" +
      "AQEBBQADggEPADCCAQoCggEBALJ0stoEZGIH2Y2AQ0h1pzgqk4x+exlV0/0hT+175vUMUY5VwctYtvRjEYVV" +
      "hgaC6gU+OJ0BglYkGPTZ2X7KVLSu9lppGBLNKo7XRkxpxbZJQ9do7Bg2JTCfHlQ38yqau8BpjM3RVwue9Nq0" +
      "OG/fiEW7NQMhKaw7YTKYihVbbOJehwOy5tvUmA9p2AldPW/iYcZfzdnZkFLLIf4zj4kBXu2HhBd9phT4H5Yr" +
      "9WUw9vKX74mmXA09WEfsyfW++wqFNjfh6oDDCxH1UJMu+rcgaR/XBXTJO0Dq5FSAlaZAKFYnQRGT2wU0gfVo" +
      "Yb+R/kKcKKY0inLSQaDzRxDjvalRrrUCAwEAAaNTMFEwHQYDVR0OBBYEFDAyQORoRqgJK93WYqLcK9Unzaci" +
      "MB8GA1UdIwQYMBaAFDAyQORoRqgJK93WYqLcK9UnzaciMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQEM" +
      "BQADggEBAAYGNpb46ZJ/xrPT06p9WlRmDvM3De0v1deAc8J8rClLPgoXA9UMJ0UubfKK6rP4ROKHUoCqKhVh" +
      "3NMVQUmdIgkPfdqt+d2WMZbhBFkmbRv9xee3KJrvkEqQFjF298YevAOz92eSV+k4pVSmiMZAluWmF/4Hmp6g" +
      "xIAnx/HHMiN37Eyhc5GYZ+3z4C8QgMDf65eG9KFRYUAg1j22oINeOx5PBOnbSbB7RALT514hPNGXgpCzRtuf" +
      "o4pXDBFrd+OQXQyu1Or1bHpPYwB8FKERvjd2pu+lSxe8tzXX3Izg/GEkVfcJeRAjq8iBzrebhHG5ru7JQQHw" +
      "EaSBH0dpvp9/w/4=",
  },
  {
    signature: "sha1WithRSAEncryption",
    hash: "sha256",
    certificate:
      "MIIB9jCCAV+gAwIBAgIUbWCnHnzUvWaThP44UEGrDl1GzEMwDQYJKoZIhvcNAQEFBQAwDDEKMAgGA1UEAwwB" +
      "czAgFw0yNjExMjExNTAzNTBaGA8yMTI2MTAyODE1MDM1MFowDDEKMAgGA1UEAwwBczCBnzANBgkqhkiG9w0B" +
      "AQEFAAOBjQAwgYkCgYEAn6v/pXy9ZmlpMs8KdUiWI3ucXD7kkJybX9g7mrn65fj0Bj12MFq2YyDJuPvumUaw" +
      "ikdIqCuWEf7kXy2D2iGAYFABIwq/sbNzkyRSDcR/qw+37P8SSAwHWGDsPwk/9sQWU7wJ8Y85zbonNtVo9JKa" +
      "26tA40eqIHJMF70h926XVk0CAwEAAaNTMFEwHQYDVR0OBBYEFC/HQ3kk6GnJ1qRGd2414T470I5TMB8GA1Ud" +
      "IwQYMBaAFC/HQ3kk6GnJ1qRGd2414T470I5TMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQEFBQADgYEA" +
      "H6gM+w0slAeJtb5bkMLchQ9MA4MbeXyZ3HKPn7BG7nCDCCH9f5926ZZspz01qKNTFGu1zN+3yEvKivXWjeY0" +
      "sTaYfAysOg5BUe27rf0t2pDO7kMoV2HoZxt2qUYoARAt+LrrGJ6WdvZZT8txi6WvtgnpJMBclJyAsURoHyKM" +
      "97U=",
  },
  {
    signature: "Ed25519",
    hash: undefined,
    certificate:
      "MIIBMDCB46ADAgECAhQDgoixSN+0405iexi6vaWL6XJYUzAFBgMrZXAwDTELMAkGA1UEAwwCZWQwIBcNMjYx" +
      "MTIxMTUwMzQ5WhgPMjEyNjEwMjgxNTAzNDlaMA0xCzAJBgNVBAMMAmVkMCowBQYDK2VwAyEAo/hs2wtrOeNK" +
      "RKaKWuX4o6GOnsjkU1dQUkpebroLg6mjUzBRMB0GA1UdDgQWBBSnPFmENGHqx9kMfBm4IgEk4AiWhzAfBgNV" +
      "HSMEGDAWgBSnPFmENGHqx9kMfBm4IgEk4AiWhzAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBAAlKcR+acu0o" +
      "SQ5/ZnVOdtPLkXlarZ5ObjpUCbuWRhxqCaHzqo8vVpKaEYzfPTrJh2SWIIObzvHs0IQ9JlX9FQ4=",
  },
  {
    signature: "RSASSA-PSS",
    hash: undefined,
    certificate:
      "MIICXjCCAZOgAwIBAgIUej+G/Jvs0QyE6VIgAupNivRTE2MwQQYJKoZIhvcNAQEKMDSgDzANBglghkgBZQME" +
      "AgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgFeMAwxCjAIBgNVBAMMAXMwIBcNMjYxMTIx" +
      "MTUwMzUwWhgPMjEyNjEwMjgxNTAzNTBaMAwxCjAIBgNVBAMMAXMwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJ" +
      "AoGBANXkShQXx3opdZbWw+yCT7XsjXUE9xQBEEThCnQRU80MftDosojWRrEXA8Qy45T62iOXTmGGJcf8pExP" +
      "kU1z0BBCIVSlEUyDcsWNLeedGLdT4FCU3rON6Ewql7JawxSqPo/BlAo8LuRTaHeCSZBVJtH4/vvUzDwu04Hp" +
      "bOBYpD05AgMBAAGjUzBRMB0GA1UdDgQWBBQGJVUMItIxOXZyOtE+wNbSfir03zAfBgNVHSMEGDAWgBQGJVUM" +
      "ItIxOXZyOtE+wNbSfir03zAPBgNVHRMBAf8EBTADAQH/MEEGCSqGSIb3DQEBCjA0oA8wDQYJYIZIAWUDBAIB" +
      "BQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAIBBQCiAwIBXgOBgQCVqJUFuaUJA8VPY6PGXaN2BoJ8nMpW" +
      "z/Wm57DADsgg7F98qtazHMkK0RUPcNAIFI3dkaApCPf8y6pff9A6+UoYYoOVP6cuBH9o3d3GXUlUyDfPTx9r" +
      "iFv6qBA5UPl9KFQaEJFDYWn5IQJJl6yYyYm9eBQUJp+uVhq+nuSIJjrqRg==",
  },
];

for (const { signature, hash, certificate } of CASES) {
  test(`serverEndPoint() + of a certificate signed with ${signature} is ${hash ?? "nothing"}`, () => {
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`;
    const { raw } = new X509Certificate(pem);
    const expected = hash === undefined ? undefined : createHash(hash).update(raw).digest("hex");
    assert.equal(serverEndPoint(raw)?.toString("hex"), expected);
  });
}
