import { DurableStream, IdempotentProducer } from "@durable-streams/client"

// The producer relies on fetch to repeat a request that was not answered. Its append may have been stored.
async function untilAnswered(...args) {
  for (;;) {
    try {
      return await fetch(...args)
    } catch {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}

const [url, messages, enough] = process.argv.slice(2)
const stream = await DurableStream.create({ url, contentType: "application/json" })
const producer = new IdempotentProducer(stream, "writer", {
  fetch: untilAnswered, lingerMs: 1, maxBatchBytes: 100, onError: error => console.log("error", error.message),
})
let n = 0
do {
  for (let i = 0; i < 50; i++) producer.append(String(n++))
  await producer.flush()
} while (n < messages || !(await fetch(enough)).ok)
await producer.close(String(n))
console.log(n + 1)
