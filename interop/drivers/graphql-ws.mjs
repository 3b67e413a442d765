import { createClient } from "graphql-ws"
import { WebSocket } from "ws"

const client = createClient({
  url: process.argv[2].replace("http", "ws"), webSocketImpl: WebSocket,
  retryAttempts: Infinity, retryWait: () => new Promise(done => setTimeout(done, 20)), shouldRetry: () => true,
})
const variables = { after: "" } // is sent again with each subscription
client.subscribe({ query: "subscription ($after: String) { numbers(after: $after) { event id data } }", variables }, {
  next({ data: { numbers: { event = "message", id, data } } }) {
    variables.after = id
    if (event != "bookmark") console.log(event, data)
  },
  error: console.error,
  complete() {},
})
