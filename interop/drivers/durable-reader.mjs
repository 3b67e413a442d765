import { stream } from "@durable-streams/client"

const [url, live] = process.argv.slice(2)
const response = await stream({
  url, live, offset: "-1", json: true,
  onError: () => ({}), // try again
  backoffOptions: { initialDelay: 20, maxDelay: 100, multiplier: 1.3 },
})
response.subscribeJson(batch => {
  for (const n of batch.items) console.log("message", n)
  if (batch.streamClosed) console.log("closed")
})
