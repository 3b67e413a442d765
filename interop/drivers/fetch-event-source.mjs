import { fetchEventSource } from "@microsoft/fetch-event-source"

globalThis.window = globalThis // it sets timers through window
fetchEventSource(process.argv[2], {
  openWhenHidden: true, // there is no document that could be hidden
  onmessage({ event, data }) {
    if (data) console.log(event || "message", data) // unlike EventSource, it hands on events without data
  },
})
