// Fills each visible element of class preview with the page that it names. A browser opens only six connections to a
// server over HTTP/1.1, so few pages are live at a time. They take turns. Between its turns a page is a still picture.
// The page under the pointer has its turn at once. A turn is short while a page has no picture yet.
(function() {
  const mostLive = 3, turn = 4000, firstTurn = 1000; // ms
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  const previews = [...document.querySelectorAll('.preview')].map(box => ({box, visible: false, wanted: false, live: null, still: null, since: 0}));

  function start(p) {
    const frame = p.live = document.createElement('iframe');
    p.since = performance.now();
    frame.src = p.box.dataset.page;
    frame.tabIndex = -1;
    frame.title = 'Preview';
    frame.className = 'loading';
    p.box.append(frame);
    // The load event of a page with a stream in an iframe comes when the stream ends.
    const poll = setInterval(() => {
      const page = frame.contentDocument;
      if (p.live === frame && (!page || page.URL === 'about:blank' || page.readyState === 'loading')) return;
      clearInterval(poll);
      if (p.live !== frame) return;
      page.documentElement.classList.add('preview');
      setTimeout(() => { // the page has shown something by now
        frame.classList.remove('loading');
        if (p.still) p.still.remove();
        p.still = null;
      }, 500);
    }, 50);
  }

  // stop replaces a live page by a picture of it.
  function stop(p) {
    const frame = p.live, page = frame.contentDocument;
    p.live = null;
    if (!page || frame.className) return frame.remove(); // the previous picture stays
    const copy = page.documentElement.cloneNode(true), canvases = page.querySelectorAll('canvas');
    copy.querySelectorAll('canvas').forEach((canvas, i) => {
      const picture = document.createElement('img');
      picture.src = canvases[i].toDataURL();
      picture.style.cssText = 'display: block; width: ' + canvases[i].clientWidth + 'px; height: ' + canvases[i].clientHeight + 'px';
      canvas.replaceWith(picture);
    });
    copy.querySelectorAll('script, noscript, iframe').forEach(element => element.remove());
    const base = document.createElement('base');
    base.href = page.URL;
    copy.querySelector('head').prepend(base);
    const still = p.still = document.createElement('iframe');
    still.tabIndex = -1;
    still.title = 'Preview';
    still.sandbox = 'allow-same-origin'; // for the style sheet
    still.srcdoc = '<!DOCTYPE html>' + copy.outerHTML;
    p.box.prepend(still);
    still.onload = () => frame.remove();
    setTimeout(() => frame.remove(), 1000);
  }

  function update() {
    const now = performance.now();
    previews.filter(p => p.live && (document.hidden || !p.visible)).forEach(stop);
    if (document.hidden) return;
    const rest = p => now - p.since > turn && !p.wanted;
    if (calm.matches) previews.filter(p => p.live && rest(p)).forEach(stop);
    const waiting = previews.filter(p => p.visible && !p.live && (p.wanted || !p.still || !calm.matches));
    waiting.sort((a, b) => b.wanted - a.wanted || a.since - b.since);
    for (const p of waiting) {
      const live = previews.filter(p => p.live).sort((a, b) => a.since - b.since);
      if (live.length >= mostLive) {
        const shown = l => !p.still && !l.live.className && now - l.since > firstTurn;
        const oldest = live.find(l => !l.wanted && (p.wanted || rest(l) || shown(l)));
        if (!oldest) return;
        stop(oldest);
      }
      start(p);
    }
  }

  const seen = new IntersectionObserver(entries => {
    for (const entry of entries) previews.find(p => p.box === entry.target).visible = entry.isIntersecting;
    update();
  }, {threshold: 0.5});

  for (const p of previews) {
    const card = p.box.closest('.card');
    const want = wanted => () => { p.wanted = wanted; update(); };
    card.addEventListener('pointerenter', want(true));
    card.addEventListener('pointerleave', want(false));
    card.addEventListener('focusin', want(true));
    card.addEventListener('focusout', want(false));
  }
  document.addEventListener('visibilitychange', update);
  addEventListener('pagehide', () => previews.forEach(p => { if (p.live) { p.live.remove(); p.live = null; } }));
  addEventListener('load', () => {
    previews.forEach(p => seen.observe(p.box));
    setInterval(update, 500);
  });
})();
