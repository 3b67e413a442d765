import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";
import { answerWith, connect, feed, numbers, replace, serve, until, write } from "./stage.mjs";

const every = ["events", "ndjson", "poll"]; // the transports over fetch
const bytes = (text) => new TextEncoder().encode(text);

for (const transport of every)
  test("records over " + transport, async () => {
    const server = await serve((request, response, n) => {
      if (n === 0)
        write(
          request,
          response,
          { event: "heartbeat", data: 15000 },
          { event: "bookmark", id: "a" },
          { id: "b", data: { text: "kiki" } },
          { event: "prices", id: "c", data: [1, 2] },
          { event: "gap", id: "d", data: { from: "c", count: 3 } },
          { event: "reset", id: "e" },
          { event: "error", id: "f", data: "of the server" },
          { event: "message", id: "g", data: null },
          { event: "unheard", id: "h", data: 1 },
          { event: "bookmark", id: "i" }
        );
      else write(request, response, { event: "end" });
      response.end();
    });
    const log = connect(server.url, { transport });
    await until(() => log.stream.state === "ended");
    assert.deepEqual(log.got, [{ text: "kiki" }, null]);
    assert.deepEqual(log.ids, ["b", "g"]);
    assert.deepEqual(log.told, [
      ["prices", [1, 2], "c"],
      ["gap", { from: "c", count: 3 }, "d"],
      ["reset", null, "e"],
      ["error", "of the server"],
    ]);
    assert.equal(log.stream.lastEventId, "i");
    assert.equal(log.stream.transport, transport);
    assert.deepEqual(log.errors, []);
    assert.deepEqual(server.requests.map((r) => r.after), [null, "i"]);
    assert.deepEqual(log.states, transport === "poll" ? ["open", "ended"] : ["open", "waiting", "connecting", "open", "ended"]);
    log.stream.resume();
    assert.equal(log.stream.state, "ended");
    log.stream.close();
    assert.equal(log.stream.state, "closed");
  });

for (const transport of every)
  test("a client that is cut before its first message misses nothing over " + transport, async () => {
    const server = await serve((request, response, n) => {
      if (n === 0) {
        write(request, response, { event: "bookmark", id: "7" });
        setTimeout(() => response.destroy(), 5);
      } else write(request, response, { id: "8", data: "after " + request.after });
    });
    const log = connect(server.url, { transport });
    await until(() => log.got.length);
    assert.deepEqual(log.got, ["after 7"]);
    log.stream.close();
  });

test("an event of only an id is a bookmark", async () => {
  const server = await serve((request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("id: 7\n\n:\n\nid: 8\n"); // the last event is incomplete
    if (request.after === null) setTimeout(() => response.destroy(), 5);
    else response.write("data: 1\n\n");
  });
  const log = connect(server.url);
  await until(() => log.got.length);
  assert.equal(server.requests[1].after, "7");
  log.stream.close();
});

for (const transport of ["events", "ndjson"])
  test("the server tells its interval over " + transport, async () => {
    const server = await serve((request, response, n) => {
      write(request, response, { event: "heartbeat", data: n ? 1e9 : 30 });
    });
    const log = connect(server.url, { transport });
    await until(() => server.requests.length === 2); // after 1,040 ms
    assert.deepEqual(log.states.slice(0, 3), ["open", "waiting", "connecting"]);
    log.stream.close();

    const patient = connect(server.url, { transport, heartbeat: 0 });
    await until(() => patient.stream.state === "open");
    patient.stream.close();
  });

for (const transport of ["events", "ndjson"])
  test("a server without heartbeats over " + transport, async () => {
    const server = await serve((request, response) => {
      write(request, response, { event: "heartbeat", data: 30 }, { event: "heartbeat", data: 0 });
    });
    const log = connect(server.url, { transport });
    await new Promise((resolve) => setTimeout(resolve, 1500)); // 30 alone would end it after 1,040 ms
    assert.equal(server.requests.length, 1);
    assert.equal(log.stream.state, "open");
    log.stream.close();
  });

test("statuses", async (t) => {
  for (const [status, state] of [
    [204, "ended"],
    [400, "failed"],
    [401, "failed"],
    [403, "failed"],
    [404, "failed"],
    [410, "failed"],
    [422, "failed"],
    [408, "open"],
    [425, "open"],
    [429, "open"],
    [500, "open"],
    [502, "open"],
    [503, "open"],
  ])
    for (const transport of every)
      await t.test(`${status} over ${transport}`, async () => {
        const server = await serve((request, response, n) => {
          if (n === 0) {
            response.writeHead(status);
            response.end();
          } else write(request, response, { id: "1", data: 1 });
        });
        const log = connect(server.url, { transport });
        await until(() => log.stream.state === state);
        assert.deepEqual(log.errors, state === "failed" ? [status] : []);
        assert.equal(server.requests.length, state === "open" ? 2 : 1);
        if (state === "failed") {
          log.stream.resume(); // after a login, say
          await until(() => log.stream.state === "open");
        }
        log.stream.close();
      });
});

test("a page is not a stream", async () => {
  const server = await serve((request, response, n) => {
    response.writeHead(200, { "Content-Type": n < 3 ? "text/html; charset=utf-8" : "text/event-stream" });
    response.write("data: 1\n\n");
  });
  const log = connect(server.url);
  await until(() => log.got.length);
  assert.deepEqual(log.got, [1]);
  assert.equal(server.requests.length, 4);
  log.stream.close();
});

// delaysOf returns the delays of the timers other than those for silence. None of them is waited for.
function delaysOf(t) {
  const delays = [];
  const later = setTimeout;
  replace(t, "setTimeout", (f, ms, ...more) => {
    if (ms === 20000) return later(f, ms, ...more);
    if (new Error().stack.includes("data:text/javascript")) {
      delays.push(ms);
      ms = 0;
    }
    return later(f, ms, ...more);
  });
  t.mock.method(Math, "random", () => 1);
  return delays;
}

test("delays", async (t) => {
  const delays = delaysOf(t);
  const date = new Date(Date.now() + 3600e3).toUTCString();
  const answers = [
    [503, { "Retry-After": "7" }],
    [429, { "Retry-After": date }],
    [500, { "Retry-After": "soon" }],
    [503, { "Retry-After": "1e9" }],
    [503, { "Retry-After": "999999999999" }],
    [503, { "Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT" }],
    [503, {}],
    [503, {}],
    [503, {}],
  ];
  const server = await serve((request, response, n) => {
    if (n >= answers.length) return write(request, response, { id: "1", data: 1 });
    response.writeHead(...answers[n]);
    response.end();
  });
  const log = connect(server.url, { minDelay: 500, maxDelay: 30000, heartbeat: 20000 });
  await until(() => log.got.length);
  const hour = delays[1];
  assert.ok(hour > 3500e3 && hour <= 3601e3, hour);
  assert.deepEqual(
    [delays[0], ...delays.slice(2, 9)],
    [7500, 2000, 4000, 2147483647, 16000, 30000, 30000, 30000]
  );
  log.stream.close();
});

test("retry of an event stream is the least delay", async (t) => {
  const delays = delaysOf(t);
  const server = await serve((request, response, n) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    if (n < 2) response.end(n === 0 ? "retry: 3000\n\nretry: 4x\n\n" : "");
    else response.write("data: 1\n\n");
  });
  const log = connect(server.url, { minDelay: 500, heartbeat: 20000, maxDelay: 30000 });
  await until(() => log.got.length);
  assert.deepEqual(delays, [3500, 4000]);
  log.stream.close();
});

test("options that are undefined have their defaults", async (t) => {
  const delays = delaysOf(t);
  const server = await serve((request, response) => {
    response.writeHead(503);
    response.end();
  });
  const log = connect(server.url, { minDelay: undefined, maxDelay: undefined, maxAttempts: undefined, transport: undefined });
  await until(() => delays.length >= 8);
  assert.deepEqual(delays.slice(0, 8), [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  assert.equal(log.stream.transport, "events");
  log.stream.close();
});

test("a poll without news is no failure, unless the answer comes at once", async (t) => {
  let delay = 30;
  const server = await serve((request, response) => {
    write(request, response, { event: "bookmark", id: "1" });
    setTimeout(() => response.end(), delay);
  });
  const log = connect(server.url, { transport: "poll", minDelay: 20 });
  await until(() => server.requests.length > 3);
  assert.deepEqual(log.states, ["open"]);
  delay = 0;
  await until(() => log.states.length > 5);
  assert.deepEqual(log.states.slice(0, 4), ["open", "waiting", "connecting", "open"]);
  log.stream.close();
});

test("maxAttempts", async () => {
  let up = false;
  const server = await serve((request, response) => {
    response.writeHead(up ? 200 : 503, { "Content-Type": "text/event-stream" });
    response.end();
  });
  const log = connect(server.url, { maxAttempts: 3 });
  await until(() => log.stream.state === "failed");
  assert.equal(server.requests.length, 3);
  assert.deepEqual(log.errors, [503]);
  up = true; // connections that end are no failures
  log.stream.resume();
  const once = connect(server.url, { maxAttempts: 1 });
  await until(() => server.requests.length > 12);
  assert.equal(once.stream.state === "failed" || log.stream.state === "failed", false);
  log.stream.close();
  once.stream.close();

  const nobody = connect("http://127.0.0.1:1/", { maxAttempts: 2 });
  await until(() => nobody.stream.state === "failed");
  assert.deepEqual(nobody.errors, [0]);
});

test("requests", async () => {
  const server = await serve((request, response, n) => {
    write(request, response, { id: String(n), data: n });
    if (n < 2) response.end();
  });
  let token = 0;
  const log = connect(new URL(server.url + "?q=a%20b#fragment"), {
    method: "POST",
    body: JSON.stringify({ prompt: "hello" }),
    headers: async () => {
      if (token++ === 1) throw new Error("no token yet");
      return { Authorization: "Bearer " + token, "Content-Type": "application/json" };
    },
  });
  await until(() => log.got.length === 3);
  assert.deepEqual(server.requests.map((r) => r.headers.authorization), ["Bearer 1", "Bearer 3", "Bearer 4"]);
  assert.deepEqual(server.requests.map((r) => r.url.split("?")[1]), [
    "q=a%20b&transport=events",
    "q=a%20b&transport=events&lastEventId=0",
    "q=a%20b&transport=events&lastEventId=1",
  ]);
  for (const request of server.requests) {
    assert.equal(request.method, "POST");
    assert.equal(request.text, '{"prompt":"hello"}');
    assert.equal(request.headers.accept, "text/event-stream");
    assert.equal(request.headers["content-type"], "application/json");
  }
  log.stream.close();

  const plain = connect(server.url, { transport: "ndjson", headers: { Accept: "application/json" }, lastEventId: "a&b" });
  await until(() => plain.got.length === 1);
  assert.equal(server.requests[3].headers.accept, "application/json");
  assert.equal(server.requests[3].after, "a&b");
  plain.stream.close();
});

test("credentials and the base of a relative URL", async (t) => {
  const asked = [];
  replace(t, "location", { href: "http://host/some/page?a=b#c" });
  replace(t, "fetch", async (url, init) => {
    asked.push([url, init.credentials, init.cache]);
    return new Response(null, { status: 204 });
  });
  for (const url of ["stream", "?x=y", "//other/stream#part", "/stream?#"]) {
    const log = connect(url, { credentials: "include" });
    await until(() => log.stream.state === "ended");
  }
  assert.deepEqual(asked, [
    ["http://host/some/stream?transport=events", "include", "no-store"],
    ["http://host/some/page?x=y&transport=events", "include", "no-store"],
    ["http://other/stream?transport=events", "include", "no-store"],
    ["http://host/stream?transport=events", "include", "no-store"],
  ]);
  assert.throws(() => connect("http://["), TypeError);
  assert.throws(() => connect("/", { transport: "pigeon" }), /unknown transport pigeon/);
});

test("signal", async () => {
  const server = await feed();
  const aborter = new AbortController();
  const log = connect(server.url, { signal: aborter.signal });
  await until(() => log.stream.state === "open");
  aborter.abort();
  assert.equal(log.stream.state, "closed");
  await until(() => server.clients() === 0);
  assert.equal(connect(server.url, { signal: aborter.signal }).stream.state, "closed");
  assert.equal(server.requests.length, 1);
});

test("close while the headers are made", async () => {
  const server = await feed();
  let go;
  const log = connect(server.url, { headers: () => new Promise((resolve) => (go = resolve)) });
  log.stream.close();
  go({});
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.requests.length, 0);
  assert.deepEqual(log.states, ["closed"]);
});

test("lines", async (t) => {
  const long = "x".repeat(1 << 14);
  for (const [name, text, got, ids] of [
    ["line ends", "data: 1\n\ndata: 2\r\rdata: 3\r\n\r\ndata: 4\r\n\n", ["1", "2", "3", "4"], ["", "", "", ""]],
    ["data of many lines", "data: a\ndata:b\ndata\ndata:  c\n\n", ["a\nb\n\n c"], [""]],
    ["a byte order mark", "\ufeffdata: 1\n\n\ufeffdata: 2\n\n", ["1"], [""]],
    ["comments and other fields", ": c\ndata: 1\nother: 2\n data: 3\nDATA: 4\n\n", ["1"], [""]],
    ["ids", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: x\0y\ndata: d\n\n", ["a", "b", "c", "d"], ["1", "1", "", ""]],
    ["no data", "event: prices\n\ndata\n\n", [""], [""]],
    ["an incomplete event", "data: 1\n\ndata: 2\n", ["1"], [""]],
    ["UTF-8", "data: é€😀\n\n", ["é€😀"], [""]],
    ["a long line", "data: " + long + "\n\n", [long], [""]],
  ])
    for (const size of [1, 2, 7, 1 << 30]) {
      if (size < 7 && text.length > 1000) continue;
      await t.test(`${name} in pieces of ${size}`, async (t) => {
        const all = bytes(text);
        const chunks = [];
        for (let at = 0; at < all.length; at += size) chunks.push(all.subarray(at, at + size));
        answerWith(t, "text/event-stream", chunks);
        const log = connect("http://host/", { parse: String, minDelay: 1e9, maxDelay: 1e9 });
        await until(() => log.stream.state === "waiting");
        assert.deepEqual(log.got, got);
        assert.deepEqual(log.ids, ids);
        log.stream.close();
      });
    }
});

// In quadratic time each of these would take minutes.
for (const transport of ["events", "ndjson"])
  test("a line of 64 MiB over " + transport, async (t) => {
    const piece = bytes("x".repeat(4096));
    const [start, end] = transport === "events" ? ['data: "', '"\n\n'] : ['{"id":"1","data":"', '"}\n'];
    answerWith(t, "text/plain", [bytes(start), ...Array(16384).fill(piece), bytes(end)]);
    const log = connect("http://host/", { transport, minDelay: 1e9, maxDelay: 1e9 });
    await until(() => log.stream.state === "waiting");
    assert.equal(log.got[0].length, 16384 * 4096);
    log.stream.close();
  });

test("a callback that throws and a message that cannot be parsed", async (t) => {
  const thrown = [];
  const later = setTimeout;
  replace(t, "setTimeout", (f, ms, ...more) => {
    if (ms !== undefined) return later(f, ms, ...more);
    try {
      f();
    } catch (error) {
      thrown.push(error.message);
    }
  });
  for (const [transport, wrong] of [["events", 'id: 2\ndata: {"a\n\n'], ["ndjson", '{"a\n']]) {
    const server = await serve((request, response) => {
      write(request, response, { id: "1", data: "throw" });
      response.write(wrong);
      write(request, response, { id: "3", data: "go on" });
    });
    const log = connect(server.url, { transport });
    await until(() => log.got.length === 2);
    assert.deepEqual(log.got, ["throw", "go on"]);
    assert.equal(thrown.length, 2);
    assert.equal(thrown[0], "thrown by the callback");
    assert.match(thrown[1], /JSON/);
    assert.equal(server.requests.length, 1);
    thrown.length = 0;
    log.stream.close();
  }
});

test("the callback can be null if all messages have names", async () => {
  const server = await serve((request, response, n) => {
    if (n === 0) write(request, response, { event: "bookmark", id: "1" }, { event: "prices", id: "2", data: 7 });
    write(request, response, { event: "end", id: "3" });
    response.end();
  });
  const prices = [];
  const stream = (await load()).connect(server.url, null);
  stream.addEventListener("prices", (e) => prices.push(e.data));
  await until(() => stream.state === "ended");
  assert.deepEqual(prices, [7]);
});

// pageEvents lets a test dispatch the events of a window.
function pageEvents(t) {
  const window = new EventTarget();
  let listeners = 0;
  replace(t, "addEventListener", (...args) => (listeners++, window.addEventListener(...args)));
  replace(t, "removeEventListener", (...args) => (listeners--, window.removeEventListener(...args)));
  return { dispatch: (type, more) => window.dispatchEvent(Object.assign(new Event(type), more)), listeners: () => listeners };
}

test("coming back", async (t) => {
  const window = pageEvents(t);
  let up = true;
  let after = {};
  const server = await serve((request, response) => {
    if (up) return write(request, response, { event: "bookmark", id: "1" });
    response.writeHead(503, after);
    response.end();
  });
  for (const type of ["online", "pageshow", "visibilitychange"]) {
    const hidden = { hidden: true, baseURI: "http://host/", createComment: () => new EventTarget() };
    replace(t, "document", hidden);
    up = false;
    const log = connect(server.url, { minDelay: 1e9, maxDelay: 1e9, transport: "events" });
    await until(() => log.stream.state === "waiting");
    up = true;
    const before = server.requests.length;
    window.dispatch("visibilitychange"); // to hidden
    assert.equal(log.stream.state, "waiting");
    hidden.hidden = false;
    window.dispatch(type);
    await until(() => log.stream.state === "open");
    assert.equal(server.requests.length, before + 1);
    window.dispatch(type); // has no effect on an open stream
    assert.equal(log.stream.state, "open");
    log.stream.close();
    assert.equal(window.listeners(), 0);
  }

  // The browser keeps the page, but not its connection.
  let gone;
  const log = connect(server.url);
  await until(() => log.stream.state === "open");
  const before = server.requests.length;
  server.requests[before - 1].socket.on("close", () => (gone = true));
  window.dispatch("pagehide", { persisted: true });
  await until(() => gone);
  window.dispatch("pageshow", { persisted: true });
  await until(() => log.states.length === 3);
  assert.deepEqual(log.states, ["open", "connecting", "open"]);
  assert.equal(server.requests.length, before + 1);
  window.dispatch("pageshow", { persisted: true });
  await until(() => server.requests.length === before + 2);
  log.stream.close();

  // A server that says when to come back is asked no sooner.
  up = false;
  after = { "Retry-After": "3600" };
  const obedient = connect(server.url);
  await until(() => obedient.stream.state === "waiting");
  const asked = server.requests.length;
  window.dispatch("online");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(server.requests.length, asked);
  obedient.stream.close();
});

test("pause and resume", async () => {
  const server = await feed();
  const log = connect(server.url);
  await until(() => log.stream.state === "open");
  server.push(2);
  await until(() => log.got.length === 2);
  log.stream.pause();
  log.stream.pause();
  await until(() => server.clients() === 0);
  server.push(3);
  log.stream.resume();
  log.stream.resume();
  await until(() => log.got.length === 5);
  assert.deepEqual(log.got, numbers(1, 5));
  assert.deepEqual(log.states, ["open", "paused", "connecting", "open"]);
  log.stream.close();
  log.stream.pause();
  log.stream.resume();
  assert.equal(log.stream.state, "closed");
  assert.equal(server.requests.length, 2);
});

test("resume does not wait for the next attempt", async () => {
  let up = false;
  const server = await serve((request, response) => {
    if (up) return write(request, response, { event: "bookmark", id: "1" });
    response.writeHead(503);
    response.end();
  });
  const log = connect(server.url, { minDelay: 1e9, maxDelay: 1e9 });
  await until(() => log.stream.state === "waiting");
  up = true;
  log.stream.resume();
  await until(() => log.stream.state === "open");
  log.stream.close();
});

test("the position survives a reload", async (t) => {
  const items = new Map([["other", "9"]]);
  replace(t, "sessionStorage", { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) });
  const server = await feed();
  const first = connect(server.url, { store: "news" });
  await until(() => first.stream.state === "open");
  server.push(2);
  await until(() => first.got.length === 2);
  first.stream.close();
  assert.equal(items.get("news"), "2");
  server.push(2);
  const second = connect(server.url, { store: "news" });
  await until(() => second.got.length === 2);
  assert.deepEqual(second.got, [3, 4]);
  second.stream.close();
  const third = connect(server.url, { store: "news", lastEventId: "1" }); // the page knows better
  await until(() => third.got.length === 3);
  third.stream.close();

  const forbidden = () => {
    throw new Error("forbidden");
  };
  replace(t, "sessionStorage", { getItem: forbidden, setItem: forbidden });
  const fourth = connect(server.url, { store: "news", lastEventId: "3" });
  await until(() => fourth.got.length === 1);
  fourth.stream.close();
});

test("websocket", async (t) => {
  const sockets = [];
  replace(
    t,
    "WebSocket",
    class {
      constructor(url) {
        this.url = url;
        sockets.push(this);
      }
      close() {
        this.closed = true;
      }
      say(record) {
        this.onmessage({ data: JSON.stringify(record) });
      }
    }
  );
  const log = connect("https://host/stream?a=b", { transport: "websocket" });
  assert.equal(sockets[0].url, "wss://host/stream?a=b&transport=websocket");
  sockets[0].onopen();
  sockets[0].say({ event: "bookmark", id: "1", data: null });
  sockets[0].say({ id: "2", data: "kiki" });
  sockets[0].say({ event: "heartbeat", id: "", data: null });
  assert.deepEqual(log.got, ["kiki"]);
  sockets[0].onclose({ code: 1006 });
  assert.ok(sockets[0].closed);
  await until(() => sockets.length === 2);
  assert.equal(sockets[1].url, "wss://host/stream?a=b&transport=websocket&lastEventId=2");
  sockets[0].say({ id: "3", data: "late" }); // of a connection that is closed
  sockets[1].onopen();
  sockets[1].say({ event: "end", id: "", data: null });
  assert.ok(sockets[1].closed);
  assert.equal(log.stream.state, "ended");
  assert.deepEqual(log.got, ["kiki"]);

  const plain = connect("http://host/stream", { transport: "websocket" });
  assert.equal(sockets[2].url, "ws://host/stream?transport=websocket");
  plain.stream.close();
  assert.ok(sockets[2].closed);

  for (const [code, state] of [
    [1000, "waiting"],
    [1008, "waiting"],
    [1011, "waiting"],
    [4000, "waiting"],
    [4401, "failed"],
    [4410, "failed"],
    [4429, "waiting"],
    [4503, "waiting"],
  ]) {
    const log = connect("http://host/stream", { transport: "websocket" });
    sockets.at(-1).onclose({ code });
    assert.equal(log.stream.state, state);
    assert.deepEqual(log.errors, state === "failed" ? [code - 4000] : []);
    log.stream.close();
  }
});
