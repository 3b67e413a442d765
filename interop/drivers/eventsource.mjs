import { EventSource } from "eventsource"

const source = new EventSource(process.argv[2])
for (const type of ["message", "gap", "reset"]) source.addEventListener(type, e => console.log(type, e.data))
