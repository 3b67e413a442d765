import assert from "node:assert/strict";
import { test } from "node:test";
import { openTable, serve, until, write } from "./stage.mjs";

const reset = { event: "reset", id: "e-0" };
const ready = (id) => ({ event: "ready", id });
const put = (id, key, value) => ({ id, data: { key, value } });
const remove = (id, key) => ({ id, data: { key, value: null, deleted: true } });

for (const transport of ["events", "ndjson", "poll"])
  test("rows over " + transport, async () => {
    const server = await serve((request, response, n) => {
      if (n === 0) {
        write(request, response, reset, put("1", "__proto__", 1), put("2", "b", { c: [2] }), put("3", "gone", 3), remove("4", "gone"), ready("5"));
        if (transport === "poll") return response.end();
      }
      if (n === 0 || request.after === "5")
        write(request, response, put("6", "b", { c: [3] }), put("7", "b", { c: [3] }), remove("8", "__proto__"), remove("9", "never"), put("10", "new", null));
      else write(request, response, { event: "end" });
      response.end();
    });
    const log = openTable(server.url, { transport });
    assert.equal(log.table.ready, false);
    await until(() => log.stream.state === "ended");
    assert.deepEqual(log.told, [
      ["__proto__", 1, undefined],
      ["b", { c: [2] }, undefined],
      ["b", { c: [3] }, { c: [2] }],
      ["__proto__", undefined, 1],
      ["new", null, undefined],
    ]);
    assert.equal(log.readies, 1);
    assert.equal(log.table.ready, true);
    assert.deepEqual([...log.table.rows], [["b", { c: [3] }], ["new", null]]);
    assert.deepEqual(["b", "new", "__proto__"].map(log.table.position), ["7", "10", ""]);
    assert.deepEqual(server.requests.map((r) => r.after), [null, ...(transport === "poll" ? ["5"] : []), "10"]);
  });

test("rows that are cut in the middle are complete after the next connection", async () => {
  const server = await serve((request, response, n) => {
    if (n === 0) write(request, response, reset, put("1", "a", 1), put("2", "b", 2));
    else if (n === 1) write(request, response, put("3", "c", 3), put("4", "a", 4), ready("5"));
    else return write(request, response, { event: "end" });
    response.end();
  });
  const log = openTable(server.url);
  await until(() => log.stream.state === "ended");
  assert.deepEqual(server.requests.map((r) => r.after), [null, "2", "5"]);
  assert.deepEqual(log.told, [["b", 2, undefined], ["c", 3, undefined], ["a", 4, undefined]]);
});

test("a reset tells only the differences", async () => {
  const server = await serve((request, response) => {
    write(request, response, reset, put("1", "a", 1), put("2", "b", { x: 1 }), put("3", "c", 3), ready("3"));
    write(request, response, reset, put("12", "b", { x: 1 }), put("13", "c", 4));
    write(request, response, reset, put("12", "b", { x: 1 }), put("14", "c", 5), put("15", "d", 6), ready("15"));
    write(request, response, { event: "end" });
  });
  const log = openTable(server.url);
  await until(() => log.stream.state === "ended");
  assert.deepEqual(log.told.slice(3), [["a", undefined, 1], ["c", 5, 3], ["d", 6, undefined]]);
  assert.equal(log.readies, 2);
  assert.equal(log.table.position("b"), "12");
});

test("changes that were missed come before ready", async () => {
  const server = await serve((request, response, n) => {
    if (n === 0) write(request, response, reset, put("1", "a", 1), ready("1"));
    else if (n === 1) write(request, response, remove("2", "a"), put("3", "b", 2), ready("3"));
    else return write(request, response, { event: "end" });
    response.end();
  });
  const log = openTable(server.url);
  await until(() => log.stream.state === "ended");
  assert.deepEqual(log.told, [["a", 1, undefined], ["a", undefined, 1], ["b", 2, undefined]]);
  assert.equal(log.readies, 2);
});

test("put and remove", async () => {
  const server = await serve((request, response) => {
    if (request.method !== "GET") response.writeHead(request.headers["if-match"] ? 412 : 204, request.headers["if-match"] ? {} : { "Halley-Position": "e-8" });
    else write(request, response, { event: "end" });
    response.end();
  });
  const log = openTable(server.url + "?topic=t", { headers: async () => ({ Authorization: "Bearer token" }) });
  await until(() => log.stream.state === "ended");
  const answers = [
    await log.table.put("a b", { c: 1 }),
    await log.table.put("a&b", 0, ""),
    await log.table.put("a", "x", "e-7"),
    await log.table.remove("ü"),
    await log.table.remove("a", "e-7"),
  ];
  assert.deepEqual(answers.map((a) => a.status), [204, 204, 412, 204, 412]);
  assert.deepEqual(["a b", "a", "ü"].map(log.table.position), ["e-8", "", ""]);
  assert.deepEqual(
    server.requests.slice(1).map((r) => [r.method, r.query.get("topic"), r.query.get("key"), r.text, r.headers["if-match"], r.headers["if-none-match"], r.headers["content-type"]]),
    [
      ["PUT", "t", "a b", '{"c":1}', undefined, undefined, "application/json"],
      ["PUT", "t", "a&b", "0", undefined, "*", "application/json"],
      ["PUT", "t", "a", '"x"', '"e-7"', undefined, "application/json"],
      ["DELETE", "t", "ü", "", undefined, undefined, undefined],
      ["DELETE", "t", "a", "", '"e-7"', undefined, undefined],
    ]
  );
  assert.ok(server.requests.every((r) => r.headers.authorization === "Bearer token"));
});

// stage opens a table whose row a is at e-11. tell writes records to the stream. answers[n](position) answers change n of
// the page, and answers[n]() breaks its connection.
async function stage() {
  const answers = [];
  let tell;
  const server = await serve((request, response) => {
    if (request.method !== "GET")
      return answers.push((position) => (position ? response.writeHead(204, { "Halley-Position": position }).end() : response.destroy()));
    tell = (...records) => write(request, response, ...records);
    tell(reset, put("e-11", "a", 1), ready("e-11"));
  });
  const log = openTable(server.url);
  await until(() => log.readies);
  // change waits until the server has got the request. Then it returns the promise of the answer.
  const change = async (method, ...args) => {
    const n = answers.length;
    const promise = log.table[method](...args);
    await until(() => answers.length > n);
    return { promise };
  };
  return { log, table: log.table, tell, answers, change };
}

test("an answer that comes after the next change of the row", async () => {
  const { log, table, tell, answers, change } = await stage();
  const { promise } = await change("put", "new", 1, "");
  tell(put("e-12", "new", 1), remove("e-13", "new"));
  await until(() => log.told.length === 3);
  answers[0]("e-12");
  assert.equal((await promise).status, 204);
  assert.equal(table.position("new"), "");
  assert.equal(table.rows.has("new"), false);
});

for (const order of [[0, 1], [1, 0]])
  test("the answers of two changes in the order " + order, async () => {
    const { log, table, tell, answers, change } = await stage();
    const changes = [await change("put", "a", 2), await change("put", "a", 3)];
    for (const n of order) {
      answers[n](["e-12", "e-13"][n]);
      await changes[n].promise;
    }
    assert.equal(table.position("a"), "e-13");
    assert.equal(table.rows.get("a"), 1);
    tell(put("e-12", "a", 2));
    await until(() => log.told.length === 2);
    assert.equal(table.position("a"), "e-13");
    tell(put("e-13", "a", 3), put("e-14", "a", 4));
    await until(() => log.told.length === 4);
    assert.equal(table.position("a"), "e-14");
  });

test("a row that was removed has no position before the stream delivers the removal", async () => {
  const { log, table, tell, answers, change } = await stage();
  const { promise } = await change("remove", "a", "e-11");
  answers[0]("e-13");
  await promise;
  assert.equal(table.position("a"), "");
  tell(put("e-12", "b", 2));
  await until(() => log.told.length === 2);
  assert.equal(table.position("a"), "");
  tell(remove("e-13", "a"), put("e-14", "a", 3));
  await until(() => log.told.length === 4);
  assert.equal(table.position("a"), "e-14");
});

test("a reset forgets the positions of answers that it includes", async () => {
  const { log, table, tell, answers, change } = await stage();
  for (const [key, position] of [["gone", "e-13"], ["late", "e-16"]]) {
    const { promise } = await change("put", key, 1, "");
    answers.at(-1)(position);
    await promise;
    assert.equal(table.position(key), position);
  }
  const { promise } = await change("put", "a", 2);
  tell({ event: "reset", id: "e-0" }, put("e-15", "a", 3), ready("e-15"));
  await until(() => log.readies === 2);
  assert.equal(table.position("gone"), "");
  assert.equal(table.position("late"), "e-16");
  answers.at(-1)("e-14");
  await promise;
  assert.equal(table.position("a"), "e-15");
});

test("an answer of a store that was replaced", async () => {
  const { log, table, tell, answers, change } = await stage();
  const { promise } = await change("put", "a", 2);
  const other = await change("put", "b", 2);
  answers[1]("e-13");
  await other.promise;
  tell({ event: "reset", id: "f-0" }, put("f-11", "a", 3), ready("f-11"));
  await until(() => log.readies === 2);
  answers[0]("e-12");
  await promise;
  assert.equal(table.position("a"), "f-11");
  assert.equal(table.position("b"), "");
});

test("a change that fails changes nothing", async () => {
  const { log, table, answers, change } = await stage();
  const { promise } = await change("put", "a", 2);
  answers[0]();
  await assert.rejects(promise);
  assert.equal(table.position("a"), "e-11");
  assert.deepEqual([...table.rows], [["a", 1]]);
  assert.deepEqual(log.told, [["a", 1, undefined]]);
});
