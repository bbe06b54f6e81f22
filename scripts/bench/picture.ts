// The picture: throughput beside the tool alone, the first row, and curves of what grows. Plain SVG, small enough for a page.
import type { Found } from "./results.ts";

const WIDTH = 800;
const LEFT = 130; // of the charts
const RIGHT = 760;
const STEP = 17; // from line to line
// Okabe and Ito's colors, which color-blind people can tell apart, and some more. https://jfly.uni-koeln.de/color/
const COLORS =
  "999999 000000 e69f00 f0c000 56b4e9 d55e00 0072b2 cc79a7 7f3c8d 80ba5a 009e73 a5694f";
const THROUGHPUT =
  "copy-out-text copy-out-binary pg_dump copy-in simple-1 simple-16 prepared-1 prepared-16 logins-1 logins-8";
const CURVES = [
  ["CPU, µs a query, by sessions", [1, 16, 64, 256, 1000], (size: number) => `simple-${size}/cpu`],
  ["Memory, MB, by idle sessions", [1, 100, 1000], (size: number) => `idle-${size}`],
  ["Logins a second, by clients", [1, 4, 8, 16, 64], (size: number) => `logins-${size}`],
  ["First row, ms, by targets", [1, 100, 1000, 5000], (size: number) => `row-${size}`],
] as const;

/** Draws it. */
export function drawPicture(found: Found): string {
  let svg = "";
  let top = 0;
  const add = (height: number, drawn: string): void => {
    svg += `<g transform="translate(0 ${top})">${drawn}</g>\n`;
    top += height;
  };
  const rows = THROUGHPUT.split(" ");
  // The bars say which color is whose.
  add(found.subjects.length * STEP + 40, firstRow(found));
  add(rows.length * STEP + 54, throughput(found, rows));
  const curves = CURVES.map((curve) => drawCurve(found, curve)).filter((drawn) => drawn !== "");
  for (let at = 0; at < curves.length; at += 2) {
    const right = `<g transform="translate(395 0)">${curves[at + 1] ?? ""}</g>`;
    add(185, `${curves[at]}${right}`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${svg}</svg>
`;
}

// A dot for each ratio, with a line from quartile to quartile.
function throughput(found: Found, rows: readonly string[]): string {
  const others = found.subjects.filter((name) => name !== "direct");
  const ratios = others.flatMap((name, index) =>
    rows.flatMap((row, at) => {
      const ratio = found.ratio(row, name);
      const y = 36 + at * STEP + index - others.length / 2;
      return ratio === undefined ? [] : [{ ...ratio, name, y }];
    }),
  );
  const most = Math.max(1.2, ...ratios.map(({ high }) => high));
  const x = (ratio: number): string => short(LEFT + (ratio / most) * (RIGHT - LEFT));
  const names = rows.map((row, at) => text(row, LEFT - 8, 40 + at * STEP, "end"));
  const grid = Array.from({ length: Math.floor(most * 4) + 1 }, (_, at) => at / 4).map((step) => {
    const line = `<path d="M${x(step)} 28v${rows.length * STEP}" stroke="${step === 1 ? "#000" : "#ddd"}"/>`;
    return line + text(String(step), Number(x(step)), rows.length * STEP + 44, "middle");
  });
  const dots = others.map((name) => {
    const own = ratios.filter((ratio) => ratio.name === name);
    const spread = own.map(({ high, low, y }) => `M${x(low)} ${y}H${x(high)}`).join("");
    const circles = own.map(({ median, y }) => `<circle cx="${x(median)}" cy="${y}" r="3.5"/>`);
    const paint = color(found, name);
    return `<g fill="${paint}"><path d="${spread}" stroke="${paint}"/>${circles.join("")}</g>`;
  });
  const title = heading("Throughput beside the tool alone over TLS (1: no proxy; right is better)");
  return [title, ...names, ...grid, ...dots].join("");
}

function firstRow(found: Found): string {
  const times = found.subjects.map((name) => found.value("first-row", name)?.median ?? 0);
  const scale = (RIGHT - LEFT) / Math.max(1, ...times);
  const bars = found.subjects.map((name, at) => {
    const [time = 0, y] = [times[at], 26 + at * STEP];
    const size = `x="${LEFT}" y="${y}" width="${short(time * scale)}" height="12"`;
    const bar = `<rect ${size} fill="${color(found, name)}"/>${text(name, LEFT - 8, y + 10, "end")}`;
    return bar + text(time.toFixed(0), LEFT + time * scale + 5, y + 10);
  });
  return [heading("First row of psql -c 'select 1' (ms; shorter is better)"), ...bars].join("");
}

// Sizes on a logarithmic scale, figures from zero.
function drawCurve(found: Found, [title, sizes, figure]: (typeof CURVES)[number]): string {
  const lines = found.subjects.map((name) => ({
    name,
    points: sizes.flatMap((size) => {
      const value = found.value(figure(size), name)?.median;
      return value === undefined ? [] : [{ size, value }];
    }),
  }));
  const most = Math.max(0, ...lines.flatMap(({ points }) => points.map(({ value }) => value)));
  if (!lines.some(({ points }) => points.length > 1)) return "";
  const widest = Math.log(sizes.at(-1) ?? 2);
  const x = (size: number): string => short(50 + (Math.log(size) / widest) * 310);
  const y = (value: number): string => short(150 - (value / most) * 115);
  const axis = sizes.map((size) => text(String(size), Number(x(size)), 166, "middle"));
  const scale = [0, most / 2, most].map((value) => {
    const name = text(value.toFixed(most < 10 ? 1 : 0), 44, Number(y(value)) + 4, "end");
    return `<path d="M50 ${y(value)}H360" stroke="#ddd"/>${name}`;
  });
  const drawn = lines.map(({ name, points }) => {
    const path = points.map(({ size, value }) => `${x(size)} ${y(value)}`).join("L");
    return (
      path && `<path d="M${path}" fill="none" stroke="${color(found, name)}" stroke-width="2"/>`
    );
  });
  return [heading(title), ...axis, ...scale, ...drawn].join("");
}

function color({ subjects }: Found, name: string): string {
  const all = COLORS.split(" ");
  return `#${all[subjects.indexOf(name) % all.length]}`;
}

function heading(words: string): string {
  return `<text x="10" y="18" font-weight="bold">${words}</text>`;
}

function text(words: string, x: number, y: number, anchor?: "end" | "middle"): string {
  const where = anchor === undefined ? "" : ` text-anchor="${anchor}"`;
  return `<text x="${short(x)}" y="${short(y)}"${where}>${words}</text>`;
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}
