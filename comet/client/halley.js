// Halley's client: messages of a server, as they come. docs/comet.md says how to use it.
// Pages get halley.min.js, which is made of this file by "go generate".
(function () {
  "use strict";

  // A transport opens a connection to url and returns the function that closes it. It
  // calls
  //   link.heard()                    whenever it has heard from the server,
  //   link.receive(data, id, event)   with each record,
  //   link.over()                     when the connection has ended or failed,
  //   link.next(news)                 when it has ended and the next is due at once, if
  //                                   there was news or it took its time.
  const transports = {
    events(url, link, options) {
      const source = new EventSource(url);
      source.onopen = link.heard;
      source.onerror = link.over;
      source.onmessage = (e) => link.receive(options.parse(e.data), e.lastEventId);
      ["gap", "reset"].forEach((event) =>
        source.addEventListener(event, (e) => link.receive(JSON.parse(e.data), e.lastEventId, event))
      );
      source.addEventListener("heartbeat", link.heard);
      return () => source.close();
    },

    // The scripts of the stream call frameElement.halley, so each frame has one of its own.
    // A frame whose stream was cut does not tell; but then one around it has loaded, if it is
    // a page that was written, in the way that old browsers know as well.
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
        const anchor = document.createElement("a"); // of this page, which may have a base
        anchor.href = url;
        frame.src = anchor.href;
        inside.close();
        outer.onload = link.over;
      };
      // A page has not loaded before its frames have, and this one may never.
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
            if (chunk.done) return link.over();
            link.heard();
            const lines = (rest + decoder.decode(chunk.value, { stream: true })).split("\n");
            rest = lines.pop();
            receiveLines(lines, link);
            read(); // not returned: the promises would wait for one another, and be kept
          }, link.over);
        if (!response.ok || isPage(response.headers.get("Content-Type"))) return link.over();
        link.heard();
        read();
      }, link.over);
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
        else link.over(); // also if the answer was cut
      };
      request.send();
      return () => request.abort();
    },
  };

  // isPage tells a page, such as one to log in to which the request was redirected, from lines.
  function isPage(contentType) {
    return /html/i.test(contentType);
  }

  // receiveLines returns how many records there were. A callback that throws is reported,
  // as it is by the transports that the browser has itself, and the stream goes on.
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
    if (!transports[name]) throw new TypeError("halley: there is no transport " + name);

    // A node is what can be listened to in every browser.
    const stream = document.createComment("");
    stream.transport = name;
    stream.lastEventId = options.lastEventId || "";
    stream.state = "connecting";
    stream.close = () => {
      hangUp();
      become("closed");
    };

    const stable = 10000; // ms, after which a connection was a good one
    let current; // link, which is the one that counts
    let disconnect; // closes its connection
    let attempts = 0;
    let timer; // of the silence, or of the time between two connections

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
      // What an earlier connection still has to say does not count.
      const define = (name, f) =>
        (link[name] = function () {
          if (current === link) f.apply(null, arguments);
        });
      const watch = () => {
        clearTimeout(timer);
        if (options.heartbeat) timer = setTimeout(link.over, options.heartbeat);
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
      define("over", () => {
        hangUp();
        if (opened && performance.now() - start > stable) attempts = 0;
        const most = Math.min(options.maxDelay, options.minDelay * Math.pow(2, attempts++));
        timer = setTimeout(() => {
          open();
          become("connecting");
        }, Math.random() * most);
        become("waiting");
      });
      define("next", (news) => {
        if (!news && performance.now() - start < options.minDelay) return link.over();
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
