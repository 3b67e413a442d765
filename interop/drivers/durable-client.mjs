import { DurableStream, IdempotentProducer, stream } from "@durable-streams/client"

// The clients of Durable Streams for node and for pages. log gets each line.
export const roles = { read, write }

const moment = () => new Promise(resolve => setTimeout(resolve, 100))

// The client repeats a request if the head of its answer is cut. After a cut in the body, the promise closed is
// settled, perhaps before the last batch. Then this program goes on from the offset of the last batch that it took.
async function read(log, url, live) {
  let offset = "-1"
  let session = 0
  let closed = false

  async function some() {
    const mine = ++session
    const response = await stream({ url, live, offset, json: true, backoffOptions: { initialDelay: 20, maxDelay: 100, multiplier: 1.3 } })
    const end = new Promise(resolve => response.subscribeJson(batch => {
      if (mine != session) return
      for (const n of batch.items) log("message " + n)
      offset = batch.offset
      closed = batch.streamClosed
      if (closed) resolve()
    }))
    await Promise.race([end, response.closed.then(moment)])
  }

  while (!closed) await some().catch(moment)
  log("closed")
}

// The producer relies on fetch to repeat a request that was not answered or has failed. Its append may have been stored.
async function untilStored(...args) {
  for (;;) {
    const response = await fetch(...args).catch(() => null)
    if (response && response.status < 500) return response
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

async function write(log, url, messages, enough) {
  const stream = await DurableStream.create({ url, contentType: "application/json" })
  const producer = new IdempotentProducer(stream, "writer", {
    fetch: untilStored, lingerMs: 1, maxBatchBytes: 100, onError: error => log("error " + error.message),
  })
  let n = 0
  do {
    for (let i = 0; i < 50; i++) producer.append(String(n++))
    await producer.flush()
  } while (n < messages || !(await fetch(enough)).ok)
  await producer.close(String(n))
  log(n + 1)
}
