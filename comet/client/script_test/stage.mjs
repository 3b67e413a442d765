// The stage of the tests: the script as it is served, and servers that say what a test wants.
import { createServer } from "node:http";
import { after } from "node:test";
import { load } from "./load.mjs";

const script = await load();
const later = setTimeout; // tests replace it
const streams = [];
after(() => streams.forEach((log) => log.stream.close()));

// connect opens a stream, and records what the page gets.
export function connect(url, options) {
  const log = { got: [], ids: [], states: [], told: [], errors: [] };
  log.stream = script.connect(
    url,
    (data, id) => {
      log.got.push(data);
      log.ids.push(id);
      if (data === "throw") throw new Error("thrown by the callback");
    },
    Object.assign({ minDelay: 5, maxDelay: 20 }, options)
  );
  log.stream.addEventListener("state", (e) => log.states.push(e.data));
  log.stream.addEventListener("error", (e) => ("status" in e ? log.errors : log.told).push(e.status ?? ["error", e.data]));
  for (const type of ["gap", "reset", "prices"])
    log.stream.addEventListener(type, (e) => log.told.push([type, e.data, e.lastEventId]));
  streams.push(log);
  return log;
}

// openTable opens a table, and records its events.
export function openTable(url, options) {
  const log = { told: [], readies: 0 };
  log.table = script.table(url, Object.assign({ minDelay: 5, maxDelay: 20 }, options));
  log.stream = log.table.stream;
  log.table.addEventListener("change", (e) => log.told.push([e.key, e.value, e.old]));
  log.table.addEventListener("ready", () => log.readies++);
  streams.push(log);
  return log;
}

// serve starts a server. answer gets each request, with its body in request.text, and the number
// of requests before it. The requests are in server.requests.
export async function serve(answer) {
  const server = { requests: [] };
  const http = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      request.text = body;
      request.query = new URL(request.url, "http://host").searchParams;
      request.after = request.query.get("lastEventId");
      server.requests.push(request);
      answer(request, response, server.requests.length - 1);
    });
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  server.url = `http://127.0.0.1:${http.address().port}/stream`;
  server.cut = () => http.closeAllConnections();
  after(() => {
    http.close();
    http.closeAllConnections();
  });
  return server;
}

// write writes records for the transport that the request asks for.
export function write(request, response, ...records) {
  const events = request.query.get("transport") === "events";
  if (!response.headersSent)
    response.writeHead(200, { "Content-Type": events ? "text/event-stream" : "application/x-ndjson" });
  for (const { event, id = "", data = null } of records) {
    if (events) {
      const text = event === "bookmark" || event === "end" ? "" : JSON.stringify(data);
      response.write((event ? `event: ${event}\n` : "") + `data: ${text}\n` + (id ? `id: ${id}\n\n` : "\n"));
    } else response.write(JSON.stringify({ event, id, data }) + "\n");
  }
}

// A feed is a server of numbered messages that resumes: the message n has the id n.
export async function feed() {
  const clients = new Set();
  let count = 0;
  let ended = false;
  const server = await serve((request, response) => {
    const start = request.after ? +request.after : count;
    write(request, response, { event: "bookmark", id: String(start) });
    for (let n = start + 1; n <= count; n++) write(request, response, { id: String(n), data: n });
    if (ended) {
      write(request, response, { event: "end" });
      return response.end();
    }
    const client = { request, response };
    clients.add(client);
    response.on("close", () => clients.delete(client));
  });
  server.push = (n = 1) => {
    while (n-- > 0) {
      count++;
      for (const { request, response } of clients) write(request, response, { id: String(count), data: count });
    }
  };
  server.end = () => {
    ended = true;
    for (const { request, response } of clients) {
      write(request, response, { event: "end" });
      response.end();
    }
  };
  server.clients = () => clients.size;
  return server;
}

// until waits until condition is true.
export async function until(condition, what) {
  for (const end = Date.now() + 60000; !condition(); ) {
    if (Date.now() > end) throw new Error("not true: " + (what ? what() : condition));
    await new Promise((resolve) => later(resolve, 1));
  }
}

// replace replaces a global for one test.
export function replace(t, name, value) {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  t.after(() => {
    if (before) Object.defineProperty(globalThis, name, before);
    else delete globalThis[name];
  });
}

// numbers returns the numbers from start to end.
export const numbers = (start, end) => Array.from({ length: end - start + 1 }, (_, i) => start + i);

// answerWith replaces fetch with one that answers with chunks of bytes, and then stays open or ends.
export function answerWith(t, type, chunks, stayOpen) {
  replace(t, "fetch", async (_, { signal }) => {
    const left = chunks.slice();
    const body = new ReadableStream({
      pull(controller) {
        if (left.length) controller.enqueue(left.shift());
        else if (!stayOpen) controller.close();
      },
    });
    return new Response(body, { headers: { "Content-Type": type } });
  });
}
