// Reads answers of servers from the lines of stdin, gives each to the script, and writes what the
// page gets to a line of stdout.
import { createInterface } from "node:readline";
import { load } from "./load.mjs";

const { connect } = await load();
process.on("uncaughtException", () => {}); // lines that cannot be parsed

for await (const line of createInterface({ input: process.stdin })) {
  const { transport, chunks } = JSON.parse(line);
  globalThis.fetch = async () => {
    const left = chunks.map((chunk) => Buffer.from(chunk || "", "base64"));
    const pull = (controller) => (left.length ? controller.enqueue(left.shift()) : controller.close());
    return new Response(new ReadableStream({ pull }), { headers: { "Content-Type": "text/plain" } });
  };
  const records = [];
  await new Promise((done) => {
    const options = { transport, parse: String, minDelay: 1e9, maxDelay: 1e9, heartbeat: 0 };
    const stream = connect("http://host/", (data, id) => records.push({ event: "", id, data }), options);
    stream.dispatchEvent = (e) => {
      if (/waiting|ended/.test(stream.state)) done();
      else if (e.type !== "state") records.push({ event: e.type, id: e.lastEventId, data: e.data });
    };
    globalThis.stream = stream;
  });
  const { state, lastEventId } = stream;
  stream.close();
  process.stdout.write(JSON.stringify({ records, ended: state === "ended", cursor: lastEventId }) + "\n");
}
