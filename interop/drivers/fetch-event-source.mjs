import { fetchEventSource } from "@microsoft/fetch-event-source"

globalThis.window = globalThis // it sets timers through window
fetchEventSource(process.argv[2], {
  openWhenHidden: true, // there is no document that could be hidden
  onmessage: ({ event, data }) => console.log(event || "message", JSON.stringify(JSON.parse(data))),
})
