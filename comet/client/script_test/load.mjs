import { readFileSync } from "node:fs";

// load returns the module that Module serves.
export function load() {
  const file = new URL("../" + (process.env.HALLEY_SCRIPT || "halley.js"), import.meta.url);
  const text = readFileSync(file, "utf8") + "export const connect = halley.connect;\n";
  return import("data:text/javascript;base64," + Buffer.from(text).toString("base64"));
}
