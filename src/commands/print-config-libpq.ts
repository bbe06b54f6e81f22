// The settings of a proxy for what runs on libpq: pgAdmin, TablePlus, and psql in a container.
// https://www.pgadmin.org/docs/pgadmin4/latest/import_export_servers.html#json-format
// https://docs.tableplus.com/gui-tools/manage-connections
// https://docs.docker.com/engine/network/drivers/host/
import { databaseUrl } from "../base/database-url.ts";
import {
  connectionName,
  formLines,
  type LocalPlace,
  ownPassword,
  passwordFile,
  shellWord,
  tlsParameters,
} from "./print-config-form.ts";

const CONNECT_TIMEOUT = 30; // seconds; pgAdmin's own 10 are few for a login that wants a new role session
const CERTIFICATE = "/rdsiam.crt"; // in the container

/** For pgAdmin: its form, and a servers.json. */
export function pgadminConfig(place: LocalPlace): readonly string[] {
  const { target, host, port, user, dbname } = place;
  const file = passwordFile(place);
  const server = {
    Name: connectionName(place),
    Group: "rdsiam",
    Host: host,
    Port: port,
    MaintenanceDB: dbname,
    Username: user,
    ConnectionParameters: { connect_timeout: CONNECT_TIMEOUT, ...tlsParameters(place) },
    // JSON leaves out what is undefined.
    PasswordExecCommand: file === undefined ? undefined : `cat ${shellWord(file)}`,
  };
  const ssl = (mode: string): string => `Parameters: SSL mode = ${mode}`;
  return [
    `pgAdmin, for ${target}: Object > Register > Server`,
    ...formLines(place, { ssl, database: "Maintenance database", user: "Username" }),
    "",
    "Or save these lines as a file and take Tools > Import/Export Servers (pgAdmin 7 and newer):",
    JSON.stringify({ Servers: { 1: server } }, null, 2),
  ];
}

/** For TablePlus: its form, and the URL that it imports. */
export function tableplusConfig(place: LocalPlace): readonly string[] {
  const { target, host, port, user, dbname } = place;
  const parameters = { name: connectionName(place) };
  return [
    `TablePlus, for ${target}: New > PostgreSQL`,
    ...formLines(place, { ssl: (mode) => `SSL mode ${mode}` }),
    "",
    "Or take New > Import from URL:",
    databaseUrl({ host, port, user, dbname, password: ownPassword(place), parameters }),
  ];
}

/** For containers: psql in one that shares the machine's network, and what differs elsewhere. */
export function dockerConfig(place: LocalPlace): readonly string[] {
  const { target, host, port, user, dbname, sslmode, sslrootcert } = place;
  const inside = sslrootcert === undefined ? undefined : CERTIFICATE;
  const parameters = tlsParameters({ ...place, sslrootcert: inside });
  const password = passwordWord(place);
  const mount = sslrootcert === undefined ? [] : [`-v ${shellWord(`${sslrootcert}:${inside}:ro`)}`];
  const words = [
    ...(password === undefined ? [] : [`PGPASSWORD=${password}`]),
    "docker run --rm -it",
    ...networkWords(host),
    ...mount,
    ...(password === undefined ? [] : ["-e PGPASSWORD"]),
    "postgres psql",
    shellWord(databaseUrl({ host, port, user, dbname, parameters })),
  ];
  const elsewhere = [
    "",
    "Docker Desktop (macOS, Windows): host.docker.internal instead of 127.0.0.1, without --network host.",
    "A container on Linux with a network of its own: rdsiam proxy with --socket DIR, or --listen and TLS.",
  ];
  const isPlain = isLoopback(host) && sslmode === "disable";
  return [`Docker, for ${target}:`, words.join(" "), ...(isPlain ? elsewhere : [])];
}

function networkWords(host: string): readonly string[] {
  // The directory of the socket lets its owner in alone.
  if (host.startsWith("/")) return ['--user "$(id -u)"', `-v ${shellWord(`${host}:${host}`)}`];
  return isLoopback(host) ? ["--network host"] : [];
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}

function passwordWord(place: LocalPlace): string | undefined {
  const file = passwordFile(place);
  if (file !== undefined) return `"$(cat ${shellWord(file)})"`;
  const own = ownPassword(place);
  return own === undefined ? undefined : shellWord(own);
}
