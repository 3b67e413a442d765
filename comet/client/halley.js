// Halley's client receives the messages of a server as they arrive. docs/comet.md says how to
// use it. Pages load halley.min.js, which "go generate" makes of this file.
(function () {
  "use strict";

  // A transport opens a connection to url and returns the function that closes it. It
  // calls
  //   link.heard()                    for every sign of life of the server,
  //   link.receive(data, id, event)   for each record,
  //   link.lost()                     when the connection has ended or failed,
  //   link.next(count)                when an answer with count records is complete. The
  //                                   next request follows at once, unless an empty answer
  //                                   came too soon.
  const transports = {
    events(url, link, options) {
      const source = new EventSource(url);
      source.onopen = link.heard;
      source.onerror = link.lost;
      source.onmessage = (e) => link.receive(options.parse(e.data), e.lastEventId);
      ["gap", "reset"].forEach((event) =>
        source.addEventListener(event, (e) => link.receive(JSON.parse(e.data), e.lastEventId, event))
      );
      source.addEventListener("heartbeat", link.heard);
      return () => source.close();
    },

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
        frame.halley = function () {
          (arguments.length ? link.receive : link.heard).apply(null, arguments);
        };
        const anchor = document.createElement("a"); // resolves url against the base of this page
        anchor.href = url;
        frame.src = anchor.href;
        inside.close();
        outer.onload = link.lost;
      };
      // The load event of the page waits for its frames, and this one may never finish.
      if (document.readyState === "complete") add();
      else addEventListener("load", add);
      return () => {
        removeEventListener("load", add);
        outer.remove();
      };
    },

    ndjson(url, link) {
      const aborter = new AbortController();
      fetch(url, { signal: aborter.signal, cache: "no-store" }).then((response) => {
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        let rest = "";
        const read = () =>
          reader.read().then((chunk) => {
            if (chunk.done) return link.lost();
            link.heard();
            const lines = (rest + decoder.decode(chunk.value, { stream: true })).split("\n");
            rest = lines.pop();
            receiveLines(lines, link);
            read(); // not returned, or each promise would keep the next one in memory
          }, link.lost);
        if (!response.ok || isPage(response.headers.get("Content-Type"))) return link.lost();
        link.heard();
        read();
      }, link.lost);
      return () => aborter.abort();
    },

    poll(url, link) {
      const request = new XMLHttpRequest();
      request.open("GET", url);
      request.onreadystatechange = () => {
        if (request.readyState < 4) link.heard();
      };
      request.onloadend = () => {
        if (request.status === 200 && !isPage(request.getResponseHeader("Content-Type")))
          link.next(receiveLines(request.responseText.split("\n"), link));
        else link.lost(); // also if the answer was cut
      };
      request.send();
      return () => request.abort();
    },
  };

  // isPage reports whether the response is a page instead of lines, such as a login page to which
  // the request was redirected.
  function isPage(contentType) {
    return /html/i.test(contentType);
  }

  // receiveLines returns the number of records. If a callback throws, the browser reports the
  // error, as with the other transports, and the stream goes on.
  function receiveLines(lines, link) {
    return lines.filter((line) => {
      try {
        if (!line) return false;
        const record = JSON.parse(line);
        link.receive(record.data, record.id, record.event);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
      return true;
    }).length;
  }

  function connect(url, callback, options) {
    options = Object.assign(
      {
        transport: "auto",
        heartbeat: 20000,
        minDelay: 500,
        maxDelay: 30000,
        parse: JSON.parse,
      },
      options
    );
    const name = options.transport !== "auto" ? options.transport : window.EventSource ? "events" : "iframe";
    if (!transports[name]) throw new TypeError("halley: unknown transport " + name);

    // A node is an event target in every browser.
    const stream = document.createComment("");
    stream.transport = name;
    stream.lastEventId = options.lastEventId || "";
    stream.state = "connecting";
    stream.close = () => {
      hangUp();
      become("closed");
    };

    const stable = 10000; // ms after which a connection resets attempts
    let current; // the link of the current connection
    let disconnect; // closes the current connection
    let attempts = 0;
    let timer; // for silence, or for the next attempt

    const tell = (type, data) =>
      stream.dispatchEvent(new MessageEvent(type, { data: data, lastEventId: stream.lastEventId }));
    const become = (state) => {
      if (stream.state === state) return;
      stream.state = state;
      tell("state", state);
    };
    const hangUp = () => {
      clearTimeout(timer);
      current = 0;
      if (disconnect) disconnect();
      disconnect = 0;
    };

    function open() {
      const start = performance.now();
      let opened;
      const link = (current = {});
      // Calls for an earlier connection are ignored.
      const define = (name, f) =>
        (link[name] = function () {
          if (current === link) f.apply(null, arguments);
        });
      const watch = () => {
        clearTimeout(timer);
        if (options.heartbeat) timer = setTimeout(link.lost, options.heartbeat);
      };
      define("heard", () => {
        watch();
        opened = true;
        become("open");
      });
      define("receive", (data, id, event) => {
        link.heard();
        if (current !== link) return;
        if (id) stream.lastEventId = id;
        if (event) tell(event, data);
        else callback(data, id);
      });
      define("lost", () => {
        hangUp();
        if (opened && performance.now() - start > stable) attempts = 0;
        const bound = Math.min(options.maxDelay, options.minDelay * Math.pow(2, attempts++));
        timer = setTimeout(() => {
          open();
          become("connecting");
        }, Math.random() * bound);
        become("waiting");
      });
      define("next", (count) => {
        if (!count && performance.now() - start < options.minDelay) return link.lost();
        hangUp();
        attempts = 0;
        open();
      });
      watch();
      disconnect = transports[name](
        url +
          (url.indexOf("?") < 0 ? "?" : "&") +
          "transport=" +
          name +
          (stream.lastEventId && "&lastEventId=" + encodeURIComponent(stream.lastEventId)),
        link,
        options
      );
    }
    open();
    return stream;
  }

  window.halley = { connect: connect };
})();
