// Draws a Vega-Lite chart: its description as JSON on stdin, an SVG on stdout. Plain JavaScript in a process of its own,
// because its libraries are installed only when a picture is drawn.
// https://vega.github.io/vega-lite/docs/
import { text } from "node:stream/consumers";
import process from "node:process";
import { parse, View } from "vega";
import { compile } from "vega-lite";

const { spec } = compile(JSON.parse(await text(process.stdin)));
const view = new View(parse(spec), { renderer: "none" });
process.stdout.write(`${await view.toSVG()}\n`);
