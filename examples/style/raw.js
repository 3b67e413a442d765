// Shows a stream of script tags in the element with the id raw, and the output of the tags in the element with the id
// log. An iframe runs the tags as they arrive, as a browser does with a page that it loads.
(function() {
  var raw = document.getElementById('raw'), log = document.getElementById('log'), again = document.getElementById('again');

  function add(list, text) {
    var item = document.createElement('li');
    item.textContent = text;
    list.append(item);
  }

  function tell(state) { document.getElementById('state').textContent = state; }

  async function run() {
    again.disabled = true;
    raw.textContent = log.textContent = '';
    tell('The stream is open.');
    var frame = document.createElement('iframe');
    frame.hidden = true;
    document.body.append(frame);
    var page = frame.contentDocument;
    page.open();
    frame.contentWindow.console.log = function(text) {
      add(log, text);
      console.log(text);
    };
    try {
      var response = await fetch(raw.dataset.stream);
      if (!response.ok) throw new Error(await response.text());
      var reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (var chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        add(raw, chunk.value.replace(/ {99,}/g, function(spaces) { return '(' + spaces.length + ' spaces)'; }));
        page.write(chunk.value);
      }
      tell('The stream has ended.');
    } catch (error) {
      tell('The stream has failed: ' + error.message);
    }
    page.close();
    frame.remove();
    again.disabled = false;
  }

  again.addEventListener('click', run);
  run();
})();
