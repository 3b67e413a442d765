import { DurableStream, IdempotentProducer } from "@durable-streams/client"

// The producer leaves it to its fetch to try again. The append may have been stored.
async function untilAnswered(...args) {
  for (;;) {
    try {
      return await fetch(...args)
    } catch {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}

const [url, messages, burst] = process.argv.slice(2)
const stream = await DurableStream.create({ url, contentType: "application/json" })
const producer = new IdempotentProducer(stream, "writer", {
  fetch: untilAnswered, lingerMs: 1, maxBatchBytes: 100, onError: error => console.log("error", error.message),
})
for (let n = 0; n < messages; n++) {
  producer.append(String(n))
  if ((n + 1) % burst == 0) await producer.flush()
}
await producer.close()
console.log("closed")
