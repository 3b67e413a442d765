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
