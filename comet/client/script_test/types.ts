// TestTypes checks this file with tsc.
import { connect, type Gap, type State, type Stream } from "../halley";

interface Price {
  symbol: string;
  price: number;
}

const stream: Stream = connect<Price>(
  new URL("https://host/prices"),
  (message, id) => {
    const price: number = message.price;
    const text: string = id + price;
    void text;
  },
  {
    transport: "ndjson",
    headers: async () => ({ Authorization: "Bearer token" }),
    credentials: "include",
    method: "POST",
    body: "{}",
    signal: new AbortController().signal,
    parse: (text) => ({ symbol: text, price: 1 }),
    share: "prices",
    store: "prices",
  }
);
connect("/named", null).close();
stream.addEventListener("state", (e) => {
  const state: State = e.data;
  void state;
});
stream.addEventListener("gap", (e) => {
  const gap: Gap = e.data;
  void gap;
});
stream.addEventListener("error", (e) => {
  if (e.status === 401) stream.resume();
});
stream.addEventListener("trade", (e: MessageEvent<Price>) => {
  const price: number = e.data.price;
  void price;
});
connect("/words", (word: string) => word.length, { parse: String, headers: { "X-Key": "k" } });
connect("/unknown", (message) => {
  // @ts-expect-error: the type of the message is not known
  void message.length;
});

// @ts-expect-error: not a transport
connect("/", () => {}, { transport: "pigeon" });
// @ts-expect-error: not a state
void (stream.state === "asleep");
// @ts-expect-error: only the script sets it
stream.lastEventId = "1";

import { table } from "../table";

const prices = table<Price>("/prices", { transport: "ndjson", headers: { Authorization: "Bearer token" } });
prices.addEventListener("change", (e) => {
  const change: [string, Price | undefined, Price | undefined] = [e.key, e.value, e.old];
  void change;
});
prices.addEventListener("ready", () => {
  const price: Price | undefined = prices.rows.get("a");
  const state: State = prices.stream.state;
  void [price, state, prices.ready];
});
void prices.put("a", { symbol: "a", price: 1 }, prices.position("a")).then((response) => response.status);
void prices.remove("a");
prices.close();
