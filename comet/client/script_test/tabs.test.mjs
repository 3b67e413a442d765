import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, feed, numbers, openTable, replace, serve, until, write } from "./stage.mjs";

// Each stream is a tab here: two streams of one page share a connection as two tabs do.
let name = 0;
const tab = (server, options) => connect(server.url, Object.assign({ share: "news" + name }, options));

// locks is a lock manager like that of a browser.
function locks(t) {
  name++;
  const queue = [];
  let holder;
  const grant = (waiter) => {
    holder = waiter;
    Promise.resolve()
      .then(() => waiter.callback({}))
      .then(waiter.resolve, waiter.reject)
      .then(() => holder === waiter && next());
  };
  const next = () => {
    holder = queue.shift();
    if (holder) grant(holder);
  };
  const manager = {
    request: (_, { signal, steal }, callback) =>
      new Promise((resolve, reject) => {
        const waiter = { callback, resolve, reject };
        signal?.addEventListener("abort", () => {
          const at = queue.indexOf(waiter);
          if (at < 0) return;
          queue.splice(at, 1);
          reject(signal.reason);
        });
        if (steal) {
          holder?.reject(new DOMException("stolen", "AbortError"));
          manager.steals++;
          grant(waiter);
        } else if (holder) queue.push(waiter);
        else grant(waiter);
      }),
    steals: 0,
    waiting: () => queue.length,
  };
  replace(t, "navigator", { locks: manager });
  return manager;
}

// slow makes the channels of the tabs slow: each tab hears the others in order, but at its own time.
function slow(t, delay) {
  const channels = new Set();
  class Channel {
    constructor(name) {
      this.name = name;
      this.heard = Promise.resolve();
      channels.add(this);
    }
    postMessage(m) {
      const data = structuredClone(m);
      for (const other of channels) {
        if (other === this || other.name !== this.name) continue;
        const later = new Promise((resolve) => setTimeout(resolve, delay()));
        other.heard = other.heard.then(() => later).then(() => channels.has(other) && other.onmessage({ data }));
      }
    }
    close() {
      channels.delete(this);
    }
  }
  replace(t, "BroadcastChannel", Channel);
}

const open = (log) => until(() => log.stream.state === "open", () => log.stream.state);
const received = (log, n) => until(() => log.got.length >= n, () => JSON.stringify([log.got.length, n, log.stream.state]));

test("tabs share one connection, and nothing is lost or repeated when they close", async (t) => {
  locks(t);
  const server = await feed();
  const tabs = [];
  for (let i = 0; i < 6; i++) tabs.push(tab(server));
  for (const log of tabs) await open(log);
  await until(() => server.clients() === 1);
  let count = 0;
  const push = (n) => {
    server.push(n);
    count += n;
  };
  push(10);
  while (tabs.length) {
    push(3); // are on their way as the tab closes
    tabs.shift().stream.close();
    push(3);
    for (const log of tabs) {
      await received(log, count);
      assert.deepEqual(log.got, numbers(1, count));
      assert.deepEqual(log.ids, numbers(1, count).map(String));
    }
    await until(() => server.clients() === Math.min(tabs.length, 1));
  }
});

test("a tab that is new, or resumes, gets the messages after its position", async (t) => {
  locks(t);
  const server = await feed();
  const first = tab(server);
  await open(first);
  server.push(20);
  await received(first, 20);
  const behind = tab(server, { lastEventId: "5" });
  const fresh = tab(server);
  const there = tab(server, { lastEventId: "20" });
  await received(behind, 15);
  await open(fresh);
  await open(there);
  await until(() => server.clients() === 1);
  server.push(5);
  for (const [log, start] of [[first, 1], [behind, 6], [fresh, 21], [there, 21]]) {
    await received(log, 26 - start);
    assert.deepEqual(log.got, numbers(start, 25));
  }
  behind.stream.pause();
  server.push(5);
  await received(first, 30);
  behind.stream.resume();
  await received(behind, 25);
  assert.deepEqual(behind.got, numbers(6, 30));
  await until(() => server.clients() === 1);
  assert.equal(server.requests.length, 4, "for first, behind twice, and fresh");
  [first, behind, fresh, there].forEach((log) => log.stream.close());
  await until(() => server.clients() === 0);
});

for (const delay of [0, 5, 20])
  test(`tabs join and leave while messages arrive, heard after up to ${delay} ms`, (t) => joinAndLeave(t, delay));

async function joinAndLeave(t, delay) {
  locks(t);
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  if (delay) slow(t, () => random(delay + 1));
  const server = await feed();
  const tabs = [];
  let count = 0;
  for (let round = 0; round < 150; round++) {
    const step = random(10);
    if (step < 2 && tabs.length < 6) {
      const start = random(count + 1) || count; // a position from which to resume
      tabs.push({ start, log: tab(server, { lastEventId: String(start) }) });
    } else if (step < 3 && tabs.length > 1) tabs.splice(random(tabs.length), 1)[0].log.stream.close();
    else if (step < 4) server.cut();
    else if (step < 5 && tabs.length) {
      const { stream } = tabs[random(tabs.length)].log;
      stream.pause();
      setTimeout(stream.resume, random(5));
    } else {
      const n = random(5);
      server.push(n);
      count += n;
    }
    for (let turns = random(4); turns > 0; turns--) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  server.push();
  count++;
  for (const { start, log } of tabs) {
    await received(log, count - start);
    assert.deepEqual(log.got, numbers(start + 1, count));
  }
  await until(() => server.clients() === 1);
  server.end();
  for (const { log } of tabs) await until(() => log.stream.state === "ended");
}

// The second tab hears of each message of the first one when ten more have been said.
test("a new tab whose channel is late gives its connection back while messages arrive", async (t) => {
  locks(t);
  slow(t, () => 0);
  const Slow = BroadcastChannel;
  const said = [];
  let channels = 0;
  let lag = 10;
  const next = () => {
    while (said.length > lag) said.shift()();
  };
  replace(
    t,
    "BroadcastChannel",
    class extends Slow {
      second = channels++ === 1;
      set onmessage(f) {
        this.hear = (e) => (this.second ? said.push(() => f(e)) && next() : f(e));
      }
      get onmessage() {
        return this.hear;
      }
    }
  );
  const server = await feed();
  const first = tab(server);
  await open(first);
  server.push(10);
  await received(first, 10);
  const second = tab(server, { lastEventId: "5" });
  for (let n = 11; n <= 60; n++) {
    server.push();
    await received(first, n);
    await until(() => server.clients() === 1 || second.got.length === n - 5);
  }
  await until(() => server.clients() === 1);
  lag = 0;
  next();
  await received(second, 55);
  assert.deepEqual(second.got, numbers(6, 60));
  assert.equal(server.requests.length, 2);
  [first, second].forEach((log) => log.stream.close());
});

test("a new leader that is behind repeats nothing, and one that is ahead leaves nothing out", async (t) => {
  for (const [fast, late] of [[1, 2], [2, 1]]) {
    locks(t);
    // The first tab leads. Of the others, one hears of a message when the other has not.
    let channels = 0;
    const held = [];
    slow(t, () => 0);
    const Slow = BroadcastChannel;
    replace(
      t,
      "BroadcastChannel",
      class extends Slow {
        index = channels++;
        set onmessage(f) {
          this.hear = (e) => (this.index === late && held.on ? held.push(() => f(e)) : f(e));
        }
        get onmessage() {
          return this.hear;
        }
      }
    );
    const server = await feed();
    const tabs = [tab(server), tab(server), tab(server)];
    for (const log of tabs) await open(log);
    server.push(2);
    for (const log of tabs) await received(log, 2);
    held.on = true;
    server.push(3);
    await received(tabs[fast], 5);
    assert.equal(tabs[late].got.length, 2);
    await until(() => server.clients() === 1);
    const asked = server.requests.length;
    tabs[0].stream.close();
    await until(() => server.requests.length > asked);
    assert.equal(server.requests[asked].after, late === 1 ? "2" : "5"); // the second tab leads
    held.on = false;
    held.forEach((hear) => hear());
    server.push(2);
    for (const log of tabs.slice(1)) {
      await received(log, 7);
      assert.deepEqual(log.got, numbers(1, 7));
    }
    await until(() => server.clients() === 1);
    tabs.forEach((log) => log.stream.close());
  }
});

test("a tab can wake the one that waits", async (t) => {
  locks(t);
  let up = true;
  let response;
  const server = await serve((request, r) => {
    response = r;
    if (up) return write(request, response, { event: "bookmark", id: "1" });
    response.writeHead(503);
    response.end();
  });
  const tabs = [0, 1].map(() => tab(server, { minDelay: 1e9, maxDelay: 1e9 }));
  for (const log of tabs) await open(log);
  up = false;
  t.mock.method(Math, "random", () => 1);
  response.destroy();
  for (const log of tabs) await until(() => log.stream.state === "waiting");
  up = true;
  tabs[1].stream.resume();
  for (const log of tabs) await open(log);
  assert.equal(server.requests.length, 2);
  tabs.forEach((log) => log.stream.close());
});

test("a tab that holds the stream and answers no more loses it", async (t) => {
  const manager = locks(t);
  const server = await feed();
  // The tab is frozen: it gets and sends nothing, but holds the lock.
  let frozen;
  let left = [];
  const Channel = BroadcastChannel;
  replace(
    t,
    "BroadcastChannel",
    class {
      constructor(name) {
        const real = new Channel(name);
        const mine = left.length === 0;
        left.push(real);
        this.close = () => real.close();
        this.postMessage = (m) => mine && frozen || real.postMessage(m);
        real.onmessage = (e) => mine && frozen || this.onmessage(e);
      }
    }
  );
  const holder = tab(server, { heartbeat: 0 });
  await open(holder);
  const others = [tab(server, { heartbeat: 200 }), tab(server, { heartbeat: 200 })];
  for (const log of others) await open(log);
  server.push(3);
  for (const log of others) await received(log, 3);
  frozen = true;
  server.push(3);
  for (const log of others) {
    await received(log, 6);
    assert.deepEqual(log.got, numbers(1, 6));
  }
  assert.ok(manager.steals >= 1);
  frozen = false;
  let count = 6;
  const pushing = setInterval(() => server.push() || count++, 10); // so that no tab is silent
  t.after(() => clearInterval(pushing));
  await until(() => server.clients() === 1 && count > 20);
  clearInterval(pushing);
  for (const log of [holder, ...others]) {
    await received(log, count);
    assert.deepEqual(log.got, numbers(1, count));
  }
  [holder, ...others].forEach((log) => log.stream.close());
  await until(() => server.clients() === 0);
});

test("tabs share states, notices and the end", async (t) => {
  locks(t);
  let current;
  const server = await serve((request, response, n) => {
    current = { request, response };
    if (n === 0) write(request, response, { event: "bookmark", id: "1" });
    else if (request.after === "2-new") write(request, response, { event: "end" });
    else write(request, response, { event: "reset", id: "1-new" }, { id: "2-new", data: "kiki" });
  });
  const [first, second] = [tab(server), tab(server)];
  await open(first);
  await open(second);
  const { request, response } = current;
  write(request, response, { event: "gap", id: "4", data: { from: "2", count: 3 } }, { event: "prices", id: "5", data: 7 });
  await until(() => second.told.length === 2);
  response.destroy(); // the server starts again
  await received(second, 1);
  for (const log of [first, second]) {
    assert.deepEqual(log.told, [
      ["gap", { from: "2", count: 3 }, "4"],
      ["prices", 7, "5"],
      ["reset", null, "1-new"],
    ]);
    assert.deepEqual(log.got, ["kiki"]);
    assert.deepEqual(log.states, ["open", "waiting", "connecting", "open"]);
    assert.equal(log.stream.lastEventId, "2-new");
  }
  write(current.request, current.response, { event: "end" });
  await until(() => second.stream.state === "ended");
  assert.equal(first.stream.state, "ended");
  assert.deepEqual(second.got, ["kiki"]);
});

test("each tab learns that the stream is refused", async (t) => {
  locks(t);
  const server = await serve((request, response) => {
    response.writeHead(401);
    response.end();
  });
  const tabs = [tab(server), tab(server), tab(server)];
  for (const log of tabs) {
    await until(() => log.stream.state === "failed");
    assert.deepEqual(log.errors, [401]);
  }
});

test("streams without ids are shared too", async (t) => {
  locks(t);
  let say;
  const server = await serve((request, response) => {
    say = (data) => write(request, response, { data });
    write(request, response, { data: "first" });
  });
  const [first, second] = [tab(server), tab(server)];
  await received(first, 1);
  await open(second);
  say("kiki");
  await received(second, second.got[0] === "first" ? 2 : 1);
  assert.deepEqual(first.got, ["first", "kiki"]);
  assert.equal(second.got.at(-1), "kiki");
  assert.equal(server.requests.length, 1);
  [first, second].forEach((log) => log.stream.close());
});

test("without locks each tab has its own connection", async (t) => {
  const server = await feed();
  const forbidden = { request: () => Promise.reject(new DOMException("forbidden", "SecurityError")) };
  for (const navigator of [undefined, {}, { locks: forbidden }]) {
    replace(t, "navigator", navigator);
    const tabs = [tab(server), tab(server)];
    await until(() => server.clients() === 2);
    tabs.forEach((log) => log.stream.close());
    await until(() => server.clients() === 0);
  }
});

// rowsOf starts the server of a table. If held is true, the first snapshot stops after two rows until release is called.
async function rowsOf(held) {
  const rows = new Map();
  const clients = new Set();
  const position = (n) => "e-" + String.fromCharCode(96 + String(n).length) + n; // they sort as texts
  let count = 0;
  let release;
  const released = new Promise((resolve) => (release = resolve));
  const record = (n, key, value) => ({ id: position(n), data: value === undefined ? { key, value: null, deleted: true } : { key, value } });
  const server = await serve(async (request, response, n) => {
    const send = (...records) => write(request, response, ...records);
    let all = [...rows].map(([key, row]) => [row.n, key, row.value]).filter((row) => !request.after || position(row[0]) > request.after);
    if (!request.after) {
      send({ event: "reset", id: "e-" });
      all = all.filter((row) => row[2] !== undefined);
    }
    if (held && n === 0) {
      all.splice(0, 2).forEach((row) => send(record(...row)));
      await released;
    }
    all.forEach((row) => send(record(...row)));
    send({ event: "ready", id: position(count) });
    clients.add(send);
    response.on("close", () => clients.delete(send));
  });
  server.put = (key, value) => {
    rows.delete(key);
    rows.set(key, { n: ++count, value });
    clients.forEach((send) => send(record(count, key, value)));
  };
  server.rows = () => [...rows].filter(([, row]) => row.value !== undefined).map(([key, row]) => [key, row.value]).sort();
  server.clients = () => clients.size;
  server.release = release;
  return server;
}

const tableOf = (server) => openTable(server.url, { share: "news" + name });
const holds = (log, server) =>
  until(
    () => log.table.ready && JSON.stringify([...log.table.rows].sort()) === JSON.stringify(server.rows()),
    () => JSON.stringify([log.table.ready, [...log.table.rows], server.rows(), log.stream.state])
  );

test("tabs share a table", async (t) => {
  locks(t);
  const server = await rowsOf();
  for (const key of "abc") server.put(key, key);
  const tabs = [tableOf(server)];
  await holds(tabs[0], server);
  for (let i = 0; i < 3; i++) tabs.push(tableOf(server)); // while the table is at rest
  for (const log of tabs) await holds(log, server);
  await until(() => server.clients() === 1);
  server.put("d", "d");
  server.put("a", undefined);
  for (const log of tabs) await holds(log, server);
  while (tabs.length > 1) {
    tabs.shift().table.close(); // another tab goes on
    server.put("b", tabs.length);
    for (const log of tabs) await holds(log, server);
    await until(() => server.clients() === 1);
    const requests = server.requests.length;
    server.cut();
    server.put("e", tabs.length);
    for (const log of tabs) await holds(log, server);
    assert.deepEqual(server.requests.slice(requests).map((r) => r.after).includes(null), false, "they resume");
  }
});

test("a tab opens a table while another one reads the snapshot", async (t) => {
  locks(t);
  const server = await rowsOf(true);
  for (const key of "abcd") server.put(key, key);
  const first = tableOf(server);
  await until(() => first.stream.partial && first.stream.partial.size === 2);
  const second = tableOf(server);
  await holds(second, server);
  assert.equal(first.table.ready, false);
  server.release();
  await holds(first, server);
  server.put("e", "e");
  for (const log of [first, second]) await holds(log, server);
  await until(() => server.clients() === 1);
  assert.deepEqual(first.told.map((told) => told[0]), [..."abcde"]);
  assert.deepEqual(second.told.map((told) => told[0]), [..."abcde"]);
});
