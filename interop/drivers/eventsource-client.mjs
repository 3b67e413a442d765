import { createEventSource } from "eventsource-client"

createEventSource({ url: process.argv[2], onMessage: ({ event = "message", data }) => console.log(event, data) })
