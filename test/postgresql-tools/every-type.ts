// A table with a column of every type that PostgreSQL has, an array of each, and the kinds of types that one can define.
// The values are the awkward ones: limits, infinities, quotes, line ends, backslashes, what COPY must escape.
// https://www.postgresql.org/docs/current/datatype.html

const TEXT = `e'tab\\t line\\n return\\r back\\\\slash \\\\. "quoted" ''single'' Zoë 李雷 🐘'`;

const VALUES: Readonly<Record<string, readonly string[]>> = {
  bool: ["true", "false"],
  bytea: [String.raw`'\x00ff5c2e0a0d09'`, "''", "decode(repeat('00ff', 5000), 'hex')"],
  '"char"': ["'a'", "''"],
  name: ["'a name'"],
  int2: ["-32768", "32767"],
  int4: ["-2147483648", "2147483647"],
  int8: ["-9223372036854775808", "9223372036854775807"],
  numeric: ["'NaN'", "'-Infinity'", "repeat('9', 1000)::numeric", "1e-1000::numeric"],
  float4: ["'NaN'", "'-Infinity'", "3.4028235e38", "1e-45", "'-0'"],
  float8: ["'NaN'", "'Infinity'", "1.7976931348623157e308", "5e-324", "0.1"],
  money: ["'-92233720368547758.08'", "'1.23'"],
  text: [TEXT, "''", "repeat('x', 100000)"],
  varchar: [TEXT],
  bpchar: ["'padded  '"],
  xml: ["'<a b=\"c\">&lt;&amp;</a>'"],
  json: [`'{"a": [1, null, "\\u00e9"]}'`, "'null'"],
  jsonb: [`'{"a": {"b": [1.50, true]}}'`, "'[]'"],
  jsonpath: ["'$.a[*] ? (@ > 1)'"],
  date: ["'-infinity'", "'4713-01-01 BC'", "'5874897-12-31'"],
  time: ["'00:00'", "'24:00'", "'12:34:56.789012'"],
  timetz: ["'12:34:56.789+14:59'"],
  timestamp: ["'infinity'", "'294276-12-31 23:59:59.999999'"],
  timestamptz: ["'-infinity'", "'2026-03-29 01:30:00.000001+02'"],
  interval: ["'-178000000 years'", "'1 mon -1 day 00:00:00.000001'"],
  bit: ["B'1'"],
  varbit: ["B'101010101'", "B''"],
  uuid: ["'00000000-0000-0000-0000-000000000000'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
  inet: ["'192.0.2.1/24'", "'2001:db8::1'"],
  cidr: ["'192.0.2.0/24'", "'2001:db8::/32'"],
  macaddr: ["'08:00:2b:01:02:03'"],
  macaddr8: ["'08:00:2b:01:02:03:04:05'"],
  point: ["'(1e300,-0.1)'"],
  line: ["'{1,-1,0}'"],
  lseg: ["'[(0,0),(1,1)]'"],
  box: ["'(1,1),(0,0)'"],
  path: ["'[(0,0),(1,1)]'", "'((0,0),(1,1))'"],
  polygon: ["'((0,0),(1,1),(2,0))'"],
  circle: ["'<(0,0),1>'"],
  tsvector: ["'''it''''s'':1A fat:2'"],
  tsquery: ["'fat & (rat | !cat:*)'"],
  oid: ["4294967295"],
  oidvector: ["'1 2 3'"],
  int2vector: ["'1 -2'"],
  tid: ["'(1,2)'"],
  xid: ["'4294967295'"],
  cid: ["'1'"],
  xid8: ["'18446744073709551615'"],
  pg_lsn: ["'16/B374D848'"],
  pg_snapshot: ["'10:20:10,14'"],
  txid_snapshot: ["'10:20:10,14'"],
  refcursor: ["'a cursor'"],
  aclitem: ["'=r/app_admin'"],
  regclass: ["'pg_class'"],
  regtype: ["'integer'"],
  regproc: ["'now'"],
  regprocedure: ["'sum(integer)'"],
  regoper: ["'||/'"],
  regoperator: ["'+(integer,integer)'"],
  regrole: ["'app_admin'"],
  regnamespace: ["'pg_catalog'"],
  regconfig: ["'english'"],
  regdictionary: ["'simple'"],
  regcollation: ["'\"C\"'"],
  int4range: ["'[1,10)'", "'empty'", "'(,)'"],
  int8range: ["'[1,)'"],
  numrange: ["'(0.1,NaN]'"],
  daterange: ["'[-infinity,2026-01-01)'"],
  tsrange: ["'[2026-01-01,infinity]'"],
  tstzrange: ["'[2026-01-01 00:00+00,)'"],
  int4multirange: ["'{[1,2),[5,9)}'", "'{}'"],
  int8multirange: ["'{[1,2)}'"],
  nummultirange: ["'{(0.1,0.2]}'"],
  datemultirange: ["'{[2026-01-01,2026-02-01)}'"],
  tsmultirange: ["'{[2026-01-01,2026-02-01)}'"],
  tstzmultirange: ["'{[2026-01-01 00:00+00,2026-02-01 00:00+00)}'"],
  mood: [`'it''s "fine"'`, "'bad, \\or\\ sad'"],
  pair: [`row(1, ${TEXT}, array['a,b', null])`, "row(null, null, null)"],
  nest: ["row(row(1, 'in', array['x']), 'bad, \\or\\ sad')"],
  positive: ["1"],
  textrange: ['\'["a,\\"b",z)\''],
};

const OWN_TYPES = `
create type mood as enum ('it''s "fine"', 'bad, \\or\\ sad');
create type pair as (n int, s text, list text[]);
create type nest as (inner_pair pair, mood mood);
create domain positive as int check (value > 0);
create type textrange as range (subtype = text, collation = "C");`;

/** Makes the table `every_type` and fills it, with standard_conforming_strings on. */
export const EVERY_TYPE = `${OWN_TYPES}
create table every_type (n int primary key, one text, two text);
${Object.entries(VALUES)
  .map(([type, values], at) => {
    const list = values.map((value) => `(${value})::${type}`).join(", ");
    const column = `c${at}`;
    return `alter table every_type add ${column} ${type}, add ${column}s ${type}[];
${values.map((value, row) => addValue(column, { row, value: `(${value})::${type}` })).join("\n")}
${addValue(`${column}s`, { row: 0, value: `array[${list}, null]` })}
${addValue(`${column}s`, { row: 1, value: `array[array[${list}], array[${list}]]` })}`;
  })
  .join("\n")}`;

// PostgreSQL's own catalogs and indexes use these; nobody can write a value of one.
const INTERNAL =
  "pg_node_tree|pg_ndistinct|pg_dependencies|pg_mcv_list|pg_brin_bloom_summary|pg_brin_minmax_multi_summary|gtsvector";

/** The types of pg_catalog that a column can have and the table lacks; must find none. */
export const MISSING_TYPES = `
select typname from pg_type
where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm') and typcategory <> 'A'
  and typname !~ '^(${INTERNAL})$'
  and oid not in (select atttypid from pg_attribute where attrelid = 'every_type'::regclass)`;

function addValue(column: string, cell: { readonly row: number; readonly value: string }): string {
  return `insert into every_type (n, ${column}) values (${cell.row}, ${cell.value})
  on conflict (n) do update set ${column} = excluded.${column};`;
}
