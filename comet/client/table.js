// halley.table keeps the rows of a table of the server. It needs halley.js. docs/comet.md says how
// to use it. "go generate" makes table.min.js from this file.
halley.table = function (url, options) {
  "use strict";

  const page = typeof document === "undefined" ? 0 : document;
  const table = page ? page.createComment("") : new EventTarget();
  const rows = (table.rows = new Map());
  const positions = new Map(); // of the rows
  const answered = new Map(); // the changes of this page that the server has answered and the stream has not delivered
  let last = ""; // the position up to which the stream has delivered all changes
  table.ready = false;
  table.position = (key) => (answered.has(key) ? answered.get(key).row : positions.get(key)) || "";

  const tell = (type, more) => table.dispatchEvent(Object.assign(new Event(type), more));
  // The values come from JSON, so equal values have equal texts.
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  const put = (key, value, id) => {
    const old = rows.get(key);
    const known = rows.has(key);
    rows.set(key, value);
    positions.set(key, id);
    if (!known || !same(old, value)) tell("change", { key, value, old });
  };
  const remove = (key) => {
    const old = rows.get(key);
    positions.delete(key);
    if (rows.delete(key)) tell("change", { key, value: undefined, old });
  };

  // A position begins with its epoch. The positions of an epoch sort as texts.
  const epoch = (position) => position.split("-")[0];
  const told = (position) => last && (position <= last || epoch(position) !== epoch(last));
  const advance = (position) => {
    last = position;
    answered.forEach((change, key) => told(change.position) && answered.delete(key));
  };

  const receive = (change, id) => {
    const key = change.key;
    const partial = stream.partial;
    if (!partial) {
      advance(id);
      if (change.deleted) remove(key);
      else put(key, change.value, id);
      return;
    }
    partial.delete(key); // the rows are in the order of their last changes
    if (!change.deleted) partial.set(key, { value: change.value, id });
  };

  // The rows are not in a store, so the position must not be in one either.
  const stream = (table.stream = halley.connect(url, receive, Object.assign({}, options, { store: undefined, lastEventId: undefined })));
  // partial has the rows since a reset, until they are complete.
  stream.addEventListener("reset", () => (stream.partial = new Map()));
  stream.addEventListener("ready", (event) => {
    const fresh = stream.partial;
    stream.partial = undefined;
    advance(event.lastEventId);
    if (fresh) {
      Array.from(rows.keys()).forEach((key) => fresh.has(key) || remove(key));
      fresh.forEach((row, key) => put(key, row.value, row.id));
    }
    table.ready = true;
    tell("ready");
  });

  // send changes a row. If last is a position, the row must have it. If last is "", there must be no row.
  const send = async (method, key, body, last) => {
    const given = options && options.headers;
    const headers = new Headers(typeof given === "function" ? await given() : given);
    if (body !== undefined) headers.set("Content-Type", "application/json");
    if (last) headers.set("If-Match", '"' + last + '"');
    else if (last === "") headers.set("If-None-Match", "*");
    const target = new URL(url, page ? page.baseURI : typeof location === "undefined" ? undefined : location.href);
    target.search += (target.search && "&") + "key=" + encodeURIComponent(key);
    const response = await fetch(target.href, { method, headers, body, credentials: options && options.credentials });
    // The next change may follow before the stream delivers this one. Answers may come late and in any order.
    const position = response.headers.get("Halley-Position");
    const other = answered.get(key);
    if (position && !told(position) && !(other && other.position > position))
      answered.set(key, { position, row: body === undefined ? "" : position });
    return response;
  };
  table.put = (key, value, last) => send("PUT", key, JSON.stringify(value), last);
  table.remove = (key, last) => send("DELETE", key, undefined, last);
  table.close = () => stream.close();
  return table;
};
