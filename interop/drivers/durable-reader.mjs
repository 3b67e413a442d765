import { stream } from "@durable-streams/client"

// The client repeats a request if the head of its answer is cut. After a cut in the body, the promise closed is
// settled, perhaps before the last batch. Then this program goes on from the offset of the last batch that it took.
const [url, live] = process.argv.slice(2)
const moment = () => new Promise(resolve => setTimeout(resolve, 100))
let offset = "-1"
let session = 0
let closed = false

async function read() {
  const mine = ++session
  const response = await stream({ url, live, offset, json: true, backoffOptions: { initialDelay: 20, maxDelay: 100, multiplier: 1.3 } })
  const end = new Promise(resolve => response.subscribeJson(batch => {
    if (mine != session) return
    for (const n of batch.items) console.log("message", n)
    offset = batch.offset
    closed = batch.streamClosed
    if (closed) resolve()
  }))
  await Promise.race([end, response.closed.then(moment)])
}

while (!closed) await read().catch(moment)
console.log("closed")
