import { createEventSource } from "eventsource-client"

createEventSource({
  url: process.argv[2],
  onMessage({ event = "message", data }) {
    if (event != "bookmark" && event != "heartbeat") console.log(event, data)
  },
})
