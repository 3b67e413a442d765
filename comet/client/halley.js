// Halley's client receives the messages of a server as they arrive. docs/comet.md says how to
// use it. "go generate" makes halley.min.js of this file. Script serves that as it is, and Module
// adds an export to it.
var halley = (function () {
  "use strict";

  const scope = typeof self === "undefined" ? globalThis : self; // Node has no self

  // A transport opens a connection to url and returns the function that closes it. It
  // calls
  //   link.heard()           for every sign of life of the server,
  //   link.receive(record)   for each record: its id, event, and data or text,
  //   link.lost()            when the connection has ended or failed,
  //   link.next()            when an answer is complete. The next request follows at once,
  //                          unless an answer without news came too soon,
  //   link.stop(state)       when the server does not want the client back,
  //   link.retry(ms)         when the server asks for a delay before each attempt.
  const transports = {
    events: (url, link, options) =>
      read(url, link, options, "text/event-stream", lines(/\r\n?|\n/, eventParser(link)), link.lost),

    ndjson: (url, link, options) => read(url, link, options, "application/x-ndjson", lines("\n", recordParser(link)), link.lost),

    poll: (url, link, options) => read(url, link, options, "application/x-ndjson", lines("\n", recordParser(link)), link.next),

    // The scripts of the stream call frameElement.halley, so each stream has its own function.
    // A frame fires no event when its stream is cut, but an outer frame around it fires load if
    // its page was written with document.write, which old browsers support too.
    iframe(url, link) {
      const outer = document.createElement("iframe");
      outer.style.display = "none";
      const add = () => {
        document.body.appendChild(outer);
        const inside = outer.contentDocument;
        inside.open();
        inside.write("<iframe>");
        const frame = inside.querySelector("iframe");
        frame.halley = function (data, id, event) {
          link.heard();
          if (arguments.length) link.receive({ id, event, data });
        };
        frame.src = url;
        inside.close();
        outer.onload = () => link.lost();
      };
      // The load event of the page waits for its frames, and this one may never finish.
      if (document.readyState === "complete") add();
      else addEventListener("load", add);
      return () => {
        removeEventListener("load", add);
        outer.remove();
      };
    },

    websocket(url, link) {
      const socket = new WebSocket(url.replace("http", "ws"));
      const parse = recordParser(link);
      socket.onopen = link.heard;
      socket.onmessage = (e) => {
        link.heard();
        parse(e.data);
      };
      socket.onclose = (e) => refuse(link, e.code > 4000 ? e.code - 4000 : 0); // package wsclient adds 4000
      return () => socket.close();
    },
  };

  // read sends a request and calls take with the text of the answer, piece by piece, and end when
  // the answer is complete.
  function read(url, link, options, accept, take, end) {
    const aborter = new AbortController();
    const start = async () => {
      const headers = new Headers(typeof options.headers === "function" ? await options.headers() : options.headers);
      if (!headers.has("Accept")) headers.set("Accept", accept);
      const response = await fetch(url, {
        method: options.method,
        body: options.body,
        credentials: options.credentials,
        headers,
        signal: aborter.signal,
        cache: "no-store",
      });
      // A page in place of a stream may be a login page to which the request was redirected.
      const status = response.status;
      if (status !== 200 || /html/i.test(response.headers.get("Content-Type")))
        return refuse(link, status, retryAfter(response.headers.get("Retry-After")));
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      link.heard();
      for (let chunk; !(chunk = await reader.read()).done; ) {
        link.heard();
        take(decoder.decode(chunk.value, { stream: true }));
      }
      end();
    };
    start().catch(() => link.lost());
    return () => aborter.abort();
  }

  // refuse takes the status of an answer without a stream. The next attempt follows after delay ms
  // at the earliest.
  function refuse(link, status, delay) {
    if (status === 204) link.stop("ended");
    else if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) link.stop("failed", status);
    else link.lost(delay, status);
  }

  // retryAfter returns the ms of a Retry-After header, which has a number of seconds or a date.
  function retryAfter(value) {
    return /^\d+$/.test(value) ? value * 1000 : Date.parse(value) - Date.now() || 0;
  }

  // lines returns a function that takes pieces of text, and calls take with each complete line. A
  // line of many pieces is joined once, or long lines would take quadratic time.
  function lines(end, take) {
    let pieces = [];
    let afterCR; // an LF now would belong to the previous line end
    return (text) => {
      if (!text) return;
      if (afterCR && text[0] === "\n") text = text.slice(1);
      afterCR = end !== "\n" && text.endsWith("\r");
      const parts = text.split(end);
      const rest = parts.pop();
      if (parts.length) {
        parts[0] = pieces.join("") + parts[0];
        pieces = [];
        parts.forEach(take);
      }
      pieces.push(rest);
    };
  }

  // eventParser returns a function that takes the lines of an event stream. An event without data
  // tells the position, like a bookmark.
  function eventParser(link) {
    let id = "";
    let event = "";
    let data = [];
    return (line) => {
      if (!line) {
        const text = data.length ? data.join("\n") : undefined;
        const record = { id, event: data.length ? event : "bookmark", text };
        event = "";
        data = [];
        return link.receive(record);
      }
      const colon = (line + ":").indexOf(":");
      const field = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^ /, "");
      if (field === "data") data.push(value);
      else if (field === "event") event = value;
      else if (field === "id" && value.indexOf("\0") < 0) id = value;
      else if (field === "retry" && /^\d+$/.test(value)) link.retry(+value);
    };
  }

  // recordParser returns a function that takes records of JSON.
  function recordParser(link) {
    return (line) => {
      if (line)
        attempt(() => {
          const record = JSON.parse(line);
          link.receive({ id: record.id, event: record.event, data: record.data });
        });
    };
  }

  // attempt calls f. If f throws, the browser reports the error, and the stream goes on.
  function attempt(f) {
    try {
      f();
    } catch (error) {
      setTimeout(() => {
        throw error;
      });
    }
  }

  function connect(url, callback, options) {
    options = Object.assign({}, options);
    let name = options.transport;
    if (!name || name === "auto") name = scope.ReadableStream && scope.AbortController ? "events" : "iframe";
    if (!transports[name]) throw new TypeError("halley: unknown transport " + name);
    const defaults = { minDelay: 500, maxDelay: 30000, maxAttempts: Infinity, parse: JSON.parse };
    for (const key in defaults) if (options[key] === undefined) options[key] = defaults[key];
    const page = scope.document;
    url = new URL(url, page ? page.baseURI : scope.location && location.href);
    url.hash = "";

    // A node is an event target in every browser. A worker has no nodes.
    const stream = page ? page.createComment("") : new EventTarget();
    stream.transport = name;
    stream.lastEventId = options.lastEventId || (options.store && stored()) || "";
    stream.state = "connecting";
    stream.close = () => stop("closed");
    stream.pause = () => {
      if (!isOver()) stop("paused");
    };
    stream.resume = () => {
      if (stream.state === "waiting") wake();
      if (stream.state !== "paused" && stream.state !== "failed") return;
      start();
      become("connecting");
    };

    const stable = 10000; // ms after which a connection resets attempts
    let silence = options.heartbeat; // ms, 0 without a limit
    // The server will tell its interval, except to a poll, which may be held back until it is complete.
    if (silence === undefined) silence = name === "poll" ? 60000 : 20000;
    let current; // the link of the current connection
    let disconnect; // closes the current connection
    let attempts = 0;
    let failures = 0; // attempts in a row that did not open the stream
    let delay = 0; // ms that the server asks for before each attempt
    let due; // the earliest time of the next attempt
    let timer; // for silence, or for the next attempt
    let leave = () => {}; // ends the sharing of the stream
    let leading; // this stream has the connection of all tabs
    let joined; // this stream has no connection, but takes the records of the stream that leads

    const isOver = () => /closed|ended|failed/.test(stream.state);
    const tell = (type, data, more) =>
      stream.dispatchEvent(Object.assign(new MessageEvent(type, { data: data, lastEventId: stream.lastEventId }), more));
    const become = (state) => {
      if (stream.state === state) return;
      stream.state = state;
      if (leading) post();
      tell("state", state);
    };
    const hangUp = () => {
      clearTimeout(timer);
      current = timer = 0;
      if (disconnect) disconnect();
      disconnect = 0;
    };
    const wait = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        open();
        become("connecting");
      }, Math.min(ms, 2147483647)); // a longer timeout would end at once
    };

    // wake ends the wait for the next attempt. The page is shown or online again.
    const wake = () => {
      attempts = 0;
      if (joined) channel.postMessage({ ask: true, wake: true });
      else if (stream.state === "waiting") wait(Math.max(0, due - performance.now()));
    };
    const back = (e) => {
      if (e.type === "pagehide") {
        // The browser may keep the page for later, but not its connection and its lock.
        hangUp();
        leave();
      } else if (e.persisted) {
        begin();
        become("connecting");
      } else if (e.type !== "visibilitychange" || !page.hidden) wake();
    };
    const pageEvents = ["online", "pagehide", "pageshow", "visibilitychange"];

    function start() {
      attempts = failures = 0;
      if (scope.addEventListener) pageEvents.forEach((type) => addEventListener(type, back));
      begin();
    }

    function begin() {
      hangUp();
      leave();
      if (options.share && scope.BroadcastChannel && scope.navigator && navigator.locks) share();
      else open();
    }

    // stop ends the stream, until resume is called.
    function stop(state, status) {
      hangUp();
      leave();
      if (scope.removeEventListener) pageEvents.forEach((type) => removeEventListener(type, back));
      become(state);
      if (state === "failed") tell("error", undefined, { status: status || 0 });
    }

    function stored() {
      try {
        return sessionStorage.getItem(options.store);
      } catch (error) {} // it is forbidden, or this is a worker
    }

    // deliver hands a record to the page.
    function deliver(record) {
      const event = record.event;
      const text = record.text;
      if (record.id) {
        stream.lastEventId = record.id;
        try {
          if (options.store) sessionStorage.setItem(options.store, record.id);
        } catch (error) {}
      }
      if (event === "end") stop("ended");
      else if (event !== "bookmark")
        attempt(() => {
          const parse = event === "gap" || event === "reset" ? JSON.parse : options.parse;
          const data = text === undefined ? record.data : parse(text);
          if (event && event !== "message") tell(event, data);
          else callback(data, record.id);
        });
    }

    function open() {
      const start = performance.now();
      let opened;
      let news; // the answer has a message, or moves the position
      const link = (current = {});
      // Calls for an earlier connection are ignored.
      const define = (name, f) =>
        (link[name] = function () {
          if (current === link) f.apply(null, arguments);
        });
      const watch = () => {
        clearTimeout(timer);
        timer = silence && setTimeout(() => link.lost(), silence);
      };
      define("heard", () => {
        watch();
        opened = true;
        failures = 0;
        become("open");
        if (leading) post();
      });
      define("receive", (record) => {
        if (record.event === "heartbeat") {
          const interval = parseInt(record.text || record.data); // ms between heartbeats, 0 if there are none
          if (interval >= 0 && options.heartbeat === undefined) silence = interval && (interval * 4) / 3 + 1000;
          watch();
          record.event = "bookmark";
        }
        news = news || record.event !== "bookmark" || (record.id && record.id !== stream.lastEventId);
        if (leading) post({ record });
        deliver(record);
        if (channel && !leading && !joined) {
          if (seen.size > tooMany) seen.clear();
          seen.add(stream.lastEventId);
          meet();
        }
      });
      define("retry", (ms) => (delay = ms));
      define("stop", stop);
      define("lost", (after, status) => {
        hangUp();
        if (opened && performance.now() - start > stable) attempts = 0;
        if (!opened && ++failures >= options.maxAttempts) return stop("failed", status);
        const bound = Math.min(options.maxDelay, options.minDelay * Math.pow(2, attempts++));
        after = Math.max(delay, after || 0);
        due = performance.now() + after;
        wait(after + Math.random() * bound);
        become("waiting");
      });
      define("next", () => {
        if (!news && performance.now() - start < options.minDelay) return link.lost();
        hangUp();
        attempts = 0;
        open();
      });
      watch();
      const target = new URL(url.href);
      target.search +=
        (url.search && "&") +
        "transport=" +
        name +
        (stream.lastEventId && "&lastEventId=" + encodeURIComponent(stream.lastEventId));
      disconnect = transports[name](target.href, link, options);
    }

    // The tabs of an origin share a stream. The stream of the tab that holds the lock leads: it has
    // the connection, and posts each record to the channel, together with the positions before and
    // after it. Another stream takes the record from the channel if it has the position before it.
    // If it has another position, because it is new or because it is ahead of a new leader or behind
    // it, it opens its own connection and keeps the records of the channel, until it meets the
    // channel at a position that both have reached. So nothing is lost or repeated.
    const tooMany = 10000; // records to keep
    let channel;
    let kept; // records of the channel
    let counts; // the number of kept records up to each position of the channel
    let tail; // the last position of the channel
    let tailState; // the last state of the stream that leads
    let seen; // the positions of this stream since it has its own connection
    let patience; // the timer for a leader that does not answer

    function share() {
      const name = "halley:" + options.share;
      const mine = (channel = new BroadcastChannel(name));
      const aborter = new AbortController();
      let release;
      const request = (lockOptions) =>
        navigator.locks
          .request(name, lockOptions, () => {
            if (channel !== mine) return;
            lead();
            return new Promise((resolve) => (release = resolve));
          })
          .catch(() => {
            if (channel !== mine) return;
            if (leading) begin(); // another tab has taken the lock, because this one was silent
            else if (!aborter.signal.aborted) {
              // The page must not have locks.
              leave();
              openUnlessOpen();
            }
          });
      const ask = () => {
        mine.postMessage({ ask: true });
        const steal = () => {
          aborter.abort();
          request({ steal: true });
        };
        patience = silence && setTimeout(steal, silence * (1 + Math.random())); // not all tabs at once
      };
      mine.onmessage = (e) => {
        if (channel !== mine) return;
        const m = e.data;
        if (m.ask) {
          if (leading && m.wake) wake();
          if (leading) post({ answer: true });
        } else if (!leading) {
          if (options.heartbeat === undefined) silence = m.silence;
          // A tab that is frozen may answer, but its connection is silent.
          if (!m.answer || m.state !== "open") {
            clearTimeout(patience);
            patience = silence && setTimeout(ask, silence);
          }
          hear(m);
        }
      };
      leave = () => {
        clearTimeout(patience);
        mine.close();
        aborter.abort();
        if (release) release();
        leading = joined = channel = 0;
      };
      tail = counts = undefined;
      seen = new Set();
      request({ signal: aborter.signal });
      ask();
    }

    function lead() {
      clearTimeout(patience);
      leading = true;
      joined = false;
      post();
      openUnlessOpen();
    }

    function openUnlessOpen() {
      if (current || timer) return;
      open();
      become("connecting");
    }

    // post tells the other tabs the state and the position, and more: the record that follows.
    function post(more) {
      const after = stream.lastEventId;
      const id = (more && more.record && more.record.id) || after;
      channel.postMessage(Object.assign({ state: stream.state, silence, after, id }, more));
    }

    // hear takes a message of the stream that leads.
    function hear(m) {
      if (joined && m.after === stream.lastEventId) {
        become(m.state);
        if (joined && m.record) deliver(m.record);
        return;
      }
      joined = false;
      if (m.after !== tail || kept.length > tooMany) {
        kept = [];
        counts = new Map([[m.after, 0]]);
      }
      if (m.record) kept.push(m.record);
      tail = m.id;
      tailState = m.state;
      counts.set(tail, kept.length);
      meet();
      if (joined || !channel) return;
      if (!stream.partial && seen.has(tail)) hangUp(); // and let the channel catch up
      else openUnlessOpen();
    }

    // meet joins the channel if it has reached the position of this stream. A stream of a table has partial while its
    // rows are not complete. It does not join then, because the channel may not tell it when they are complete.
    function meet() {
      const count = counts && counts.get(stream.lastEventId);
      if (count === undefined || stream.partial) return;
      hangUp();
      joined = true;
      const rest = kept.slice(count);
      tail = counts = undefined;
      seen = new Set();
      become(tailState);
      rest.forEach((record) => joined && deliver(record));
    }

    const signal = options.signal;
    if (signal) signal.addEventListener("abort", stream.close);
    if (signal && signal.aborted) stream.close();
    else start();
    return stream;
  }

  return { connect: connect };
})();
