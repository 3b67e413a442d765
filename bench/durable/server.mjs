// The reference server of Durable Streams, in memory. It prints its URL, and ends when its standard input does.
import { DurableStreamTestServer } from "@durable-streams/server"

process.stdin.on("end", () => process.exit()).resume()
const server = new DurableStreamTestServer({ port: 0, host: "127.0.0.1" })
await server.start()
console.log(server.url)
