import { EventSource } from "eventsource"
import ReconnectingEventSource from "reconnecting-eventsource"

const source = new ReconnectingEventSource(process.argv[2], { eventSourceClass: EventSource, max_retry_time: 50 })
for (const type of ["message", "gap", "reset"]) source.addEventListener(type, e => console.log(type, e.data))
