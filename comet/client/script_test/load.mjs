import { readFileSync } from "node:fs";

// load returns the module that TableModule serves.
export function load() {
  const read = (name) => readFileSync(new URL("../" + name, import.meta.url), "utf8");
  const script = process.env.HALLEY_SCRIPT || "halley.js";
  const text = read(script) + read(script.replace("halley", "table")) + "export const connect = halley.connect, table = halley.table;\n";
  return import("data:text/javascript;base64," + Buffer.from(text).toString("base64"));
}
